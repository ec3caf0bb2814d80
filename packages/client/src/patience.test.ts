import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import { NotFoundError, UnavailableError } from "./errors.js";
import { createPatience } from "./patience.js";

const away = new CallError(status.UNAVAILABLE, "nobody there");

function clock() {
  const time = { ms: 0, pauses: [] as number[] };
  const pace = {
    now: () => time.ms,
    wait: async (pause: number) => {
      time.ms += pause;
      time.pauses.push(pause);
    },
  };
  return { ...pace, time };
}

describe("patience", () => {
  it("waits longer each time and gives up when its time is over", async () => {
    const { time, ...pace } = clock();
    const patience = createPatience(1_000, undefined, pace);
    for (let tries = 0; tries < 4; tries += 1) await patience.outlast(away);
    assert.deepEqual(time.pauses, [100, 200, 400, 300]);
    await assert.rejects(patience.outlast(away), UnavailableError);
  });

  it("counts the time anew after progress", async () => {
    const { time, ...pace } = clock();
    const patience = createPatience(100, undefined, pace);
    for (let tries = 0; tries < 10; tries += 1) {
      await patience.outlast(away);
      patience.progressed();
    }
    assert.equal(time.ms, 1_000);
  });

  it("does not repeat what was refused", async () => {
    const refused = new CallError(status.NOT_FOUND, "no such task", {
      reason: "TASK_NOT_FOUND",
      metadata: {},
      fields: [],
      retryAfterMs: undefined,
      quota: [],
      preconditions: [],
    });
    await assert.rejects(createPatience(1_000, undefined, clock()).outlast(refused), NotFoundError);
  });

  it("leaves errors that are no failed calls as they are", async () => {
    const bug = new TypeError("a bug");
    await assert.rejects(createPatience(1_000, undefined, clock()).outlast(bug), bug);
  });

  it("throws the signal's reason, whatever the call threw", async () => {
    const reason = new Error("enough");
    await assert.rejects(createPatience(1_000, AbortSignal.abort(reason), clock()).outlast(away), reason);
  });
});
