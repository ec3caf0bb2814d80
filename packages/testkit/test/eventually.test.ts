import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";

describe("eventually", () => {
  it("returns the check's result once it stops throwing", async () => {
    let tries = 0;
    const answer = await eventually(() => {
      tries += 1;
      if (tries < 3) throw new Error("not yet");
      return tries;
    });
    assert.equal(answer, 3);
  });

  it("fails with the last error, its class and the awaited condition", async () => {
    const failing = eventually(() => assert.equal(1, 2), { timeoutMs: 30, what: "the impossible" });
    await assert.rejects(failing, (error: unknown) => {
      assert.ok(error instanceof assert.AssertionError);
      assert.match(error.message, /^the impossible did not come within 30 ms: Expected values to be/);
      return error.actual === 1;
    });
  });

  it("fails with the last error of an async check, even when the time ends during another check", async () => {
    let tries = 0;
    const check = async () => {
      tries += 1;
      if (tries > 3) return new Promise<never>(() => {});
      throw new Error(`try ${tries}`);
    };
    await assert.rejects(eventually(check, { timeoutMs: 100, what: "it" }), /it did not come within 100 ms: try 3/);
  });

  it("fails when the check itself never ends", async () => {
    const failing = eventually(() => new Promise(() => {}), { timeoutMs: 30, what: "an answer" });
    await assert.rejects(failing, /an answer did not come within 30 ms: the check itself did not end/);
  });
});
