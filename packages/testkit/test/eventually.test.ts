import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";

describe("eventually", () => {
  it("answers what the check answers once it stops throwing", async () => {
    let tries = 0;
    const answer = await eventually(() => {
      tries += 1;
      if (tries < 3) throw new Error("not yet");
      return tries;
    });
    assert.equal(answer, 3);
  });

  it("fails with the last error, its class and what was awaited", async () => {
    const failing = eventually(() => assert.equal(1, 2), { timeoutMs: 30, what: "the impossible" });
    await assert.rejects(failing, (error: unknown) => {
      assert.ok(error instanceof assert.AssertionError);
      assert.match(error.message, /^the impossible did not come within 30 ms: Expected values to be/);
      return error.actual === 1;
    });
  });

  it("fails when the check itself never ends", async () => {
    const failing = eventually(() => new Promise(() => {}), { timeoutMs: 30, what: "an answer" });
    await assert.rejects(failing, /an answer did not come within 30 ms: the check itself did not end/);
  });
});
