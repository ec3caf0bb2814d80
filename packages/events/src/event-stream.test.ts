import assert from "node:assert/strict";
import { TaskExpired, TaskFailed } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ErrorCategory, ErrorSource, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { decodeEvent, EVENT_TYPES, type EventData, encodeEventData, eventsKey, parkedKey } from "./event-stream.js";

const usage = { inputTokens: 2n ** 60n, outputTokens: 3n, cacheReadTokens: 0n, cacheCreationTokens: 0n };
const error = {
  category: ErrorCategory.OVERLOADED,
  message: "過負荷 🙂",
  retryable: true,
  source: ErrorSource.PROVIDER,
  retryAfter: { seconds: 3n, nanos: 5 },
};
const window = {
  name: "five_hour",
  state: WindowState.WARNING,
  resetTime: new Date(7_000),
  usedShare: 0,
  length: { seconds: 18_000n, nanos: 0 },
};
const about = { account: "team", priority: Priority.HIGH, labels: { repo: "a/b" }, windows: [window] };

const samples: EventData[] = [
  { $case: "taskEnqueued", value: { engine: "claude", priority: Priority.URGENT } },
  { $case: "taskStarted", value: { engine: "claude", attempt: 1, executorId: "e1" } },
  {
    $case: "taskRetried",
    value: { engine: "claude", attempt: 1, error, readyTime: new Date(5_000), usage, costUsd: 0, model: "m", ...about },
  },
  {
    $case: "taskCompleted",
    value: {
      engine: "claude",
      model: "m",
      attempt: 2,
      executorId: "e1",
      usage,
      costUsd: 0.25,
      runTime: { seconds: 1n, nanos: 500_000_000 },
      queueWait: { seconds: 0n, nanos: 1 },
      ...about,
    },
  },
  {
    $case: "taskFailed",
    value: { engine: "claude", attempt: 3, error, usage: undefined, costUsd: undefined, model: "", ...about },
  },
  {
    $case: "taskCancelled",
    value: {
      engine: "claude",
      attempt: 0,
      reason: "by hand",
      usage: undefined,
      costUsd: undefined,
      model: "",
      ...about,
    },
  },
  {
    $case: "taskExpired",
    value: { engine: "claude", attempt: 0, model: "", account: "", priority: Priority.LOW, labels: {} },
  },
  { $case: "gateClosed", value: { scope: "engine/claude", who: "ops", why: "a window", openTime: new Date(9_000) } },
  { $case: "gateOpened", value: { scope: "engine/claude", who: "ops", why: "" } },
  { $case: "sessionTimeout", value: { engine: "claude", account: "team", executorId: "e1" } },
  { $case: "emergencyStop", value: { id: "s1", level: "KILL", who: "ops", why: "runaway" } },
  { $case: "emergencyResume", value: { id: "s1", who: "ops", why: "mended" } },
  {
    $case: "usageRecorded",
    value: {
      attemptId: "0-t result",
      engine: "claude",
      model: "m",
      account: "team",
      priority: "high",
      label: "team=blue",
      outcome: "succeeded",
      usage: undefined,
      costUsd: 0,
    },
  },
  {
    $case: "usageThreshold",
    value: {
      kind: "budget",
      name: "team",
      threshold: 0.8,
      share: 0.81,
      periodStartTime: new Date(0),
      periodEndTime: new Date(3_600_000),
      exhaustTime: undefined,
      action: "warn",
    },
  },
  {
    $case: "alertFiring",
    value: {
      alertId: "a1",
      rule: "error_rate",
      severity: "warning",
      labels: { engine: "claude" },
      value: 0.2,
      summary: "20 % of the runs failed",
      whatToDo: "look",
      startTime: new Date(1),
      channels: ["ops"],
      alerts: 1,
    },
  },
  {
    $case: "alertResolved",
    value: {
      alertId: "a1",
      rule: "error_rate",
      severity: "warning",
      labels: {},
      startTime: new Date(1),
      summary: "over",
      channels: [],
    },
  },
  { $case: "sessionValid", value: { engine: "claude", account: "team", proof: "probe" } },
  {
    $case: "sessionRecovered",
    value: { engine: "claude", account: "team", lostTime: new Date(1), cause: "issue" },
  },
  { $case: "systemHealth", value: { service: "queue", instance: "q-1", state: "late", why: "silent" } },
  {
    $case: "adaptationDecided",
    value: { what: "rate", subject: "agent/ann", before: 10, after: 5, reason: "the window", dryRun: true },
  },
];

const entry = (data: EventData): string[] => [
  "type",
  EVENT_TYPES[data.$case],
  "time",
  "1700000000123",
  "task",
  "t1",
  "agent",
  "a1",
  "trace",
  "00-ab-cd-01",
  "data",
  encodeEventData(data),
];

describe("event stream", () => {
  for (const data of samples) {
    it(`reads ${EVENT_TYPES[data.$case]} as it was written`, () => {
      assert.deepEqual(decodeEvent(0, "5-1", entry(data)), {
        id: "0:5-1",
        time: new Date(1_700_000_000_123),
        taskId: "t1",
        agentId: "a1",
        traceparent: "00-ab-cd-01",
        data,
      });
    });
  }

  it("has a sample of every type here", () => {
    assert.deepEqual(samples.map((data) => data.$case).sort(), Object.keys(EVENT_TYPES).sort());
  });

  it("answers undefined for a type that a newer writer may send", () => {
    assert.equal(decodeEvent(0, "5-1", ["type", "task.levitated", "time", "1", "data", "?"]), undefined);
  });

  it("ignores members of the data and fields of the entry that a newer writer adds", () => {
    const fields = ["type", "task.expired", "time", "1", "data", '{"engine":"e","attempt":1,"mood":{"bad":[1]}}'];
    const value = TaskExpired.fromPartial({ engine: "e", attempt: 1 });
    assert.deepEqual(decodeEvent(0, "5-1", [...fields, "mood", "?"])?.data, { $case: "taskExpired", value });
  });

  it("reads as empty the fields that the previous release does not write", () => {
    const data = '{"engine":"e","attempt":1,"costUsd":0.5}';
    const value = TaskFailed.fromPartial({ engine: "e", attempt: 1, costUsd: 0.5 });
    const read = decodeEvent(0, "5-1", ["type", "task.failed", "time", "1", "data", data])?.data;
    assert.deepEqual(read, { $case: "taskFailed", value });
    assert.deepEqual([value.account, value.labels, value.priority], ["", {}, Priority.UNSPECIFIED]);
  });

  it("throws on a known type whose data is not JSON", () => {
    assert.throws(() => decodeEvent(0, "5-1", ["type", "task.started", "time", "1", "data", "{"]), SyntaxError);
  });

  it("throws on a known type without a time", () => {
    assert.throws(() => decodeEvent(0, "5-1", ["type", "task.started", "data", "{}"]), /"time"/);
  });

  it("keeps a partition's keys on the slot of the queue's shard", () => {
    assert.equal(eventsKey(3), "ccsp:events:{3}");
    assert.equal(parkedKey(3, "monitor"), "ccsp:events:{3}:parked:monitor");
  });
});
