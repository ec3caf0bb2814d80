import assert from "node:assert/strict";
import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { NO_TOKENS } from "../domain/run.js";
import { runOfEvent } from "./run-of-event.js";

type Data = NonNullable<Parameters<typeof Event.fromPartial>[0]["data"]>;

const time = new Date(5_000);
const event = (data: Data) => Event.fromPartial({ id: "0:1-1", time, agentId: "a", data });
const usage = { inputTokens: 1n, outputTokens: 2n, cacheReadTokens: 3n, cacheCreationTokens: 4n };

describe("runOfEvent", () => {
  it("counts a completed task with its usage", () => {
    const value = { model: "m", attempt: 2, usage, costUsd: 0.5 };
    assert.deepEqual(runOfEvent(event({ $case: "taskCompleted", value })), {
      id: "0:1-1",
      endTime: time,
      agent: "a",
      model: "m",
      failed: false,
      tokens: { input: 1n, output: 2n, cacheRead: 3n, cacheCreation: 4n },
      costMicroUsd: 500_000n,
    });
  });

  it("counts a failed task and a retried attempt as failed runs, of unknown cost when the event has none", () => {
    for (const $case of ["taskFailed", "taskRetried"] as const) {
      const run = runOfEvent(event({ $case, value: { attempt: 1 } }));
      assert.deepEqual([run?.failed, run?.tokens, run?.costMicroUsd], [true, NO_TOKENS, undefined]);
    }
  });

  it("counts a failed or cancelled run for the model that its task requested", () => {
    for (const $case of ["taskFailed", "taskRetried", "taskCancelled"] as const) {
      assert.equal(runOfEvent(event({ $case, value: { attempt: 1, usage, model: "m" } }))?.model, "m");
    }
  });

  it("counts no run for a task that failed before one started", () => {
    assert.equal(runOfEvent(event({ $case: "taskFailed", value: { attempt: 0 } })), undefined);
  });

  it("counts a cancelled run with a usage as not failed, and does not count one without", () => {
    const used = runOfEvent(event({ $case: "taskCancelled", value: { attempt: 1, usage } }));
    assert.deepEqual([used?.failed, used?.tokens.output], [false, 2n]);
    assert.equal(runOfEvent(event({ $case: "taskCancelled", value: { attempt: 1 } })), undefined);
  });

  it("counts no run for events that end none", () => {
    assert.equal(runOfEvent(event({ $case: "taskStarted", value: { attempt: 1 } })), undefined);
    assert.equal(runOfEvent(event({ $case: "taskEnqueued", value: {} })), undefined);
  });

  it("gives a failed run one identity, however many events report its attempt", () => {
    const ids = (["taskRetried", "taskFailed"] as const).flatMap(($case, at) =>
      [1, 2].map((attempt) => {
        const told = { ...event({ $case, value: { attempt } }), id: `0:${at}-${attempt}`, taskId: "t" };
        return runOfEvent(told)?.id;
      }),
    );
    assert.deepEqual(ids, ["t 1", "t 2", "t 1", "t 2"]);
  });

  it("treats negative and impossible token counts as none", () => {
    const value = { attempt: 1, usage: { inputTokens: -5n, outputTokens: 2n ** 63n - 1n } };
    assert.deepEqual(runOfEvent(event({ $case: "taskCompleted", value }))?.tokens, NO_TOKENS);
  });
});
