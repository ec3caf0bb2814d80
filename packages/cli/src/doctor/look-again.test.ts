import assert from "node:assert/strict";
import { type FindingState, fail, ok } from "./finding.js";
import { lookAgain } from "./look-again.js";

describe("the doctor that may look again", () => {
  /** Looks with a clock of its own: each look takes 5 s. `states` are what the looks find, the last one again and again. */
  async function run(waitMs: number, ...states: FindingState[]) {
    let now = 0;
    let looks = 0;
    const notes: string[] = [];
    const findings = await lookAgain(
      async () => {
        now += 5_000;
        const state = states[Math.min(looks, states.length - 1)];
        looks += 1;
        const found =
          state === "fail" ? fail("queue:9001", "it does not answer", "start it") : ok("queue:9001", "ready");
        return [{ check: "services", ...found }];
      },
      { waitMs, now: () => now, pause: async (ms) => void (now += ms), tell: (line) => void notes.push(line) },
    );
    return { state: findings[0]?.state, looks, seconds: now / 1000, notes };
  }

  it("looks until nothing fails, as while the network policies of its pod are not yet in force", async () => {
    const { state, looks, seconds, notes } = await run(60_000, "fail", "fail", "fail", "ok");
    assert.deepEqual({ state, looks, seconds }, { state: "ok", looks: 4, seconds: 26 });
    assert.deepEqual(notes, ["1 failure: it looks again for at most 60 s"]);
  });

  it("ends within its bound, and shows what still fails", async () => {
    const { state, looks, seconds } = await run(60_000, "fail");
    assert.deepEqual({ state, looks, seconds }, { state: "fail", looks: 9, seconds: 61 });
  });

  it("looks once without a bound, and when nothing fails", async () => {
    assert.deepEqual(await run(0, "fail"), { state: "fail", looks: 1, seconds: 5, notes: [] });
    assert.deepEqual(await run(60_000, "ok"), { state: "ok", looks: 1, seconds: 5, notes: [] });
  });
});
