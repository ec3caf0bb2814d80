import assert from "node:assert/strict";
import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ErrorCategory, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { runOfEvent } from "./run-of-event.js";

type Data = NonNullable<Parameters<typeof Event.fromPartial>[0]["data"]>;

const time = new Date(5_000);
const event = (data: Data) => Event.fromPartial({ id: "3:1-1", time, agentId: "a", taskId: "t", data });
const run = (data: Data) => runOfEvent(event(data), ["team"]);
const usage = { inputTokens: 1n, outputTokens: 2n, cacheReadTokens: 3n, cacheCreationTokens: 4n };
const NONE = { input: 0, output: 0, cacheRead: 0, cacheCreation: 0 };

describe("runOfEvent", () => {
  it("counts a completed task with its usage, its times and every dimension", () => {
    const value = {
      engine: "e",
      account: "x",
      model: "m",
      priority: Priority.HIGH,
      labels: { team: "blue", secret: "s" },
      attempt: 2,
      usage,
      costUsd: 0.5,
      runTime: { seconds: 2n, nanos: 500_000_000 },
      queueWait: { seconds: 1n },
    };
    assert.deepEqual(run({ $case: "taskCompleted", value }), {
      attempt: 2,
      id: "t result",
      partition: 3,
      taskId: "t",
      traceparent: "",
      endTime: time,
      row: { agent: "a", engine: "e", account: "x", model: "m", priority: "high", label: "team=blue" },
      labels: { team: "blue", secret: "s" },
      outcome: "succeeded",
      tokens: { input: 1, output: 2, cacheRead: 3, cacheCreation: 4 },
      costMicroUsd: 500_000,
      runMs: 2_500,
      waitMs: 1_000,
    });
  });

  it("counts a failed task and a retried attempt as failed runs, whose numbers are unknown when the event has none", () => {
    for (const $case of ["taskFailed", "taskRetried"] as const) {
      const failed = run({ $case, value: { attempt: 1 } });
      assert.deepEqual(
        [failed?.outcome, failed?.tokens, failed?.costMicroUsd, failed?.runMs],
        ["failed", undefined, undefined, undefined],
      );
    }
  });

  it("counts a failed run whose start was not heard of, when the event says what it used", () => {
    for (const $case of ["taskFailed", "taskRetried"] as const) {
      assert.equal(run({ $case, value: { attempt: 0, usage } })?.tokens?.input, 1);
      assert.equal(run({ $case, value: { attempt: 0, costUsd: 0.5 } })?.costMicroUsd, 500_000);
    }
  });

  it("counts a failed or cancelled run for the model that its event names", () => {
    for (const $case of ["taskFailed", "taskRetried", "taskCancelled"] as const) {
      assert.equal(run({ $case, value: { attempt: 1, usage, model: "m" } })?.row.model, "m");
    }
  });

  it("counts no run for a task that failed before one started, or that a cached answer completed", () => {
    assert.equal(run({ $case: "taskFailed", value: { attempt: 0 } }), undefined);
    assert.equal(run({ $case: "taskCompleted", value: { attempt: 0, model: "m" } }), undefined);
    assert.equal(run({ $case: "taskCompleted", value: { attempt: 0, usage } })?.id, "t result");
  });

  it("counts a cancelled run with a usage as not failed, and does not count one without", () => {
    const used = run({ $case: "taskCancelled", value: { attempt: 1, usage } });
    assert.deepEqual([used?.outcome, used?.tokens?.output], ["cancelled", 2]);
    assert.equal(run({ $case: "taskCancelled", value: { attempt: 1 } }), undefined);
  });

  it("counts no run for events that end none", () => {
    assert.equal(run({ $case: "taskStarted", value: { attempt: 1 } }), undefined);
    assert.equal(run({ $case: "taskEnqueued", value: {} }), undefined);
    assert.equal(run({ $case: "usageRecorded", value: { attemptId: "t 1", usage } }), undefined);
  });

  it("gives a failed run one identity, however many events report its attempt", () => {
    const ids = (["taskRetried", "taskFailed"] as const).flatMap(($case) =>
      [1, 2].map((attempt) => run({ $case, value: { attempt } })?.id),
    );
    assert.deepEqual(ids, ["t 1", "t 2", "t 1", "t 2"]);
  });

  it("counts apart the failures that a limit of the provider made, and those whose cause no rule knows", () => {
    const failure = (category: ErrorCategory) =>
      run({ $case: "taskRetried", value: { attempt: 1, error: { category } } })?.failure;
    const { USAGE_WINDOW, RATE_LIMIT, OVERLOADED, UNKNOWN_ERROR, ENGINE_CRASH } = ErrorCategory;
    assert.deepEqual([USAGE_WINDOW, RATE_LIMIT, OVERLOADED, UNKNOWN_ERROR, ENGINE_CRASH].map(failure), [
      "limited",
      "limited",
      "limited",
      "unclassified",
      undefined,
    ]);
  });

  it("treats negative and impossible token counts as none, and impossible prices and times as unknown", () => {
    const value = {
      attempt: 1,
      usage: { inputTokens: -5n, outputTokens: 2n ** 63n - 1n },
      costUsd: -1,
      runTime: { seconds: -1n },
      queueWait: { seconds: 10n ** 12n },
    };
    const odd = run({ $case: "taskCompleted", value });
    assert.deepEqual(
      [odd?.tokens, odd?.costMicroUsd, odd?.runMs, odd?.waitMs],
      [NONE, undefined, undefined, undefined],
    );
  });

  it("counts labels that are not allowed, and long or composite values, as other", () => {
    const label = (labels: Record<string, string>) =>
      run({ $case: "taskCompleted", value: { attempt: 1, labels } })?.row.label;
    assert.deepEqual([{}, { x: "1" }, { team: "a,b" }, { team: "a".repeat(65) }, { team: "", x: "1" }].map(label), [
      "",
      "other",
      "team=other",
      "team=other",
      "team=",
    ]);
  });
});
