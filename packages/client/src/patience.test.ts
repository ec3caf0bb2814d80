import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import { NotFoundError, UnavailableError } from "./errors.js";
import { createPatience, type Pace } from "./patience.js";

const NOTHING = {
  reason: undefined,
  metadata: {},
  fields: [],
  retryAfterMs: undefined,
  quota: [],
  preconditions: [],
};
const away = new CallError(status.UNAVAILABLE, "no server there");

const overloaded = (retryAfterMs: number) =>
  new CallError(status.UNAVAILABLE, "not now", { ...NOTHING, reason: "OVERLOADED", retryAfterMs });

function clock() {
  const time = { ms: 0, pauses: [] as number[] };
  const pace: Pace = {
    now: () => time.ms,
    random: () => 1,
    wait: async (pause) => {
      time.ms += pause;
      time.pauses.push(pause);
    },
  };
  return { ...pace, time };
}

describe("patience", () => {
  it("waits longer each time and gives up when its time is over", async () => {
    const { time, ...pace } = clock();
    const patience = createPatience(() => 1_000, undefined, pace);
    for (let tries = 0; tries < 4; tries += 1) await patience.waitForRetry(away);
    assert.deepEqual(time.pauses, [100, 200, 400, 300]);
    await assert.rejects(patience.waitForRetry(away), UnavailableError);
  });

  it("starts its time again after progress", async () => {
    const { time, ...pace } = clock();
    const patience = createPatience(() => 100, undefined, pace);
    for (let tries = 0; tries < 10; tries += 1) {
      await patience.waitForRetry(away);
      patience.progressed();
    }
    assert.equal(time.ms, 1_000);
  });

  it("never retries sooner than the server asked, however its own pauses are spread", async () => {
    const { time, ...pace } = clock();
    const patience = createPatience(() => 10_000, undefined, { ...pace, random: () => 0 });
    await patience.waitForRetry(overloaded(2_500));
    await patience.waitForRetry(overloaded(2_500));
    assert.deepEqual(time.pauses, [2_550, 2_600]);
  });

  it("ends with an earlier answer of a server when the last try was too short to get it again", async () => {
    const { time: _, ...pace } = clock();
    const patience = createPatience(() => 2_000, undefined, pace);
    await patience.waitForRetry(overloaded(1_900));
    await assert.rejects(patience.waitForRetry(new CallError(status.DEADLINE_EXCEEDED, "no answer")), /not now/);
  });

  it("gives up at once when the server asks it to wait longer than its patience", async () => {
    const { time, ...pace } = clock();
    await assert.rejects(createPatience(() => 1_000, undefined, pace).waitForRetry(overloaded(1_500)), (error) => {
      assert.ok(error instanceof UnavailableError);
      assert.equal(error.retryAfterMs, 1_500);
      return true;
    });
    assert.deepEqual(time.pauses, []);
  });

  it("does not repeat a refused call", async () => {
    const refused = new CallError(status.NOT_FOUND, "no such task", { ...NOTHING, reason: "TASK_NOT_FOUND" });
    await assert.rejects(createPatience(() => 1_000, undefined, clock()).waitForRetry(refused), NotFoundError);
  });

  it("does not change errors that are not failed calls", async () => {
    const bug = new TypeError("a bug");
    await assert.rejects(createPatience(() => 1_000, undefined, clock()).waitForRetry(bug), bug);
  });

  it("throws the signal's reason, whatever error the call threw", async () => {
    const reason = new Error("enough");
    await assert.rejects(createPatience(() => 1_000, AbortSignal.abort(reason), clock()).waitForRetry(away), reason);
  });
});
