import assert from "node:assert/strict";
import {
  AdaptedValue,
  AlertFiring,
  HealthState,
  LimitAction,
  LimitKind,
  RecoveryCause,
  SessionProof,
  TaskExpired,
  TaskFailed,
} from "@ccsp/protos/ccsp/event/v1/event.js";
import { AlertSeverity } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ErrorCategory, ErrorSource, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Outcome } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { fieldsOf } from "@ccsp/protos/descriptor.js";
import { pino } from "pino";
import { EVENT_WORDS, type EventData, logUnknown, type UnknownValue } from "./event-data.js";
import { decodeEvent, EVENT_TYPES, encodeEventData, eventsKey, parkedKey } from "./event-stream.js";

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
  {
    $case: "emergencyStop",
    value: { id: "s1", level: "KILL", levelEnum: EmergencyLevel.KILL, who: "ops", why: "runaway" },
  },
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
      priorityEnum: Priority.HIGH,
      outcomeEnum: Outcome.SUCCEEDED,
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
      kindEnum: LimitKind.BUDGET,
      actionEnum: LimitAction.WARN,
    },
  },
  {
    $case: "alertFiring",
    value: {
      alertId: "a1",
      rule: "error_rate",
      severity: "warning",
      severityEnum: AlertSeverity.WARNING,
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
      severityEnum: AlertSeverity.WARNING,
      labels: {},
      startTime: new Date(1),
      summary: "over",
      channels: [],
    },
  },
  {
    $case: "sessionValid",
    value: { engine: "claude", account: "team", proof: "probe", proofEnum: SessionProof.PROBE },
  },
  {
    $case: "sessionRecovered",
    value: {
      engine: "claude",
      account: "team",
      lostTime: new Date(1),
      cause: "issue",
      causeEnum: RecoveryCause.ISSUE,
    },
  },
  {
    $case: "systemHealth",
    value: { service: "queue", instance: "q-1", state: "late", stateEnum: HealthState.LATE, why: "silent" },
  },
  {
    $case: "adaptationDecided",
    value: {
      what: "rate",
      whatEnum: AdaptedValue.RATE,
      subject: "agent/ann",
      before: 10,
      after: 5,
      reason: "the window",
      dryRun: true,
    },
  },
  {
    $case: "usageWindows",
    value: { engine: "claude", account: "team", windows: [window] },
  },
];

/** What release 0.3.0 stored of the samples of these kinds. */
const STORED: { readonly [Case in EventData["$case"]]?: object } = {
  usageRecorded: {
    attemptId: "0-t result",
    engine: "claude",
    model: "m",
    account: "team",
    priority: "high",
    label: "team=blue",
    outcome: "succeeded",
    costUsd: 0,
    priorityEnum: "PRIORITY_HIGH",
    outcomeEnum: "OUTCOME_SUCCEEDED",
  },
  usageThreshold: {
    kind: "budget",
    name: "team",
    threshold: 0.8,
    share: 0.81,
    periodStartTime: "1970-01-01T00:00:00.000Z",
    periodEndTime: "1970-01-01T01:00:00.000Z",
    action: "warn",
    kindEnum: "LIMIT_KIND_BUDGET",
    actionEnum: "LIMIT_ACTION_WARN",
  },
  alertFiring: {
    alertId: "a1",
    rule: "error_rate",
    severity: "warning",
    labels: { engine: "claude" },
    value: 0.2,
    summary: "20 % of the runs failed",
    whatToDo: "look",
    startTime: "1970-01-01T00:00:00.001Z",
    channels: ["ops"],
    alerts: 1,
    severityEnum: "ALERT_SEVERITY_WARNING",
  },
  alertResolved: {
    alertId: "a1",
    rule: "error_rate",
    severity: "warning",
    startTime: "1970-01-01T00:00:00.001Z",
    summary: "over",
    severityEnum: "ALERT_SEVERITY_WARNING",
  },
  sessionTimeout: { engine: "claude", account: "team", executorId: "e1" },
  sessionValid: { engine: "claude", account: "team", proof: "probe", proofEnum: "SESSION_PROOF_PROBE" },
  sessionRecovered: {
    engine: "claude",
    account: "team",
    lostTime: "1970-01-01T00:00:00.001Z",
    cause: "issue",
    causeEnum: "RECOVERY_CAUSE_ISSUE",
  },
  systemHealth: {
    service: "queue",
    instance: "q-1",
    state: "late",
    why: "silent",
    stateEnum: "HEALTH_STATE_LATE",
  },
  adaptationDecided: {
    what: "rate",
    subject: "agent/ann",
    before: 10,
    after: 5,
    reason: "the window",
    dryRun: true,
    whatEnum: "ADAPTED_VALUE_RATE",
  },
};

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

  it("is stored as release 0.3.0 stored it", () => {
    for (const data of samples) {
      const stored = STORED[data.$case];
      if (stored) assert.equal(encodeEventData(data), JSON.stringify(stored));
    }
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

  /** What a reader gets, and what is reported to it as unknown. */
  const read = (type: string, data: unknown) => {
    const unknown: UnknownValue[] = [];
    const fields = ["type", type, "time", "1", "data", JSON.stringify(data)];
    return { data: decodeEvent(0, "5-1", fields, (each) => unknown.push(each))?.data, unknown };
  };
  const firing = (value: Partial<AlertFiring>) => ({ $case: "alertFiring", value: AlertFiring.fromPartial(value) });

  it("has the enum of a word, as release 0.2.0 wrote it, and the word of an enum, as a later release writes it", () => {
    const stopped = { id: "s1", level: "KILL", who: "ops", why: "w" };
    const value = { ...stopped, levelEnum: EmergencyLevel.KILL };
    assert.deepEqual(read("emergency.stop", stopped).data, { $case: "emergencyStop", value });
    const later = { id: "s1", who: "ops", why: "w", levelEnum: "EMERGENCY_LEVEL_KILL" };
    assert.deepEqual(read("emergency.stop", later), { data: { $case: "emergencyStop", value }, unknown: [] });
  });

  it("is written with the words that readers of release 0.2.0 need, also from the enum alone", () => {
    const value = { id: "s1", level: "", who: "ops", why: "w", levelEnum: EmergencyLevel.PARK_RUNNING };
    const { level, levelEnum } = JSON.parse(encodeEventData({ $case: "emergencyStop", value }));
    assert.deepEqual([level, levelEnum], ["PARK_RUNNING", "EMERGENCY_LEVEL_PARK_RUNNING"]);
  });

  it("keeps a word that this version does not know, never as another value, and reports it", () => {
    assert.deepEqual(read("alert.firing", { severity: "page" }), {
      data: firing({ severity: "page" }),
      unknown: [{ field: "severity", value: "page" }],
    });
    const unknown = [{ field: "severity_enum", value: "ALERT_SEVERITY_PAGE" }];
    const { UNRECOGNIZED, CRITICAL } = AlertSeverity;
    assert.deepEqual(read("alert.firing", { severity: "page", severityEnum: "ALERT_SEVERITY_PAGE" }), {
      data: firing({ severity: "page", severityEnum: UNRECOGNIZED }),
      unknown,
    });
    assert.deepEqual(
      read("alert.firing", { severityEnum: "ALERT_SEVERITY_PAGE" }).data,
      firing({ severity: "ALERT_SEVERITY_PAGE", severityEnum: UNRECOGNIZED }),
    );
    // The newer writer itself says which word means the most to older readers.
    assert.deepEqual(read("alert.firing", { severity: "critical", severityEnum: "ALERT_SEVERITY_PAGE" }), {
      data: firing({ severity: "critical", severityEnum: CRITICAL }),
      unknown,
    });
  });

  it("has no word for an enum that is null", () => {
    assert.deepEqual(read("alert.firing", { severityEnum: null }), { data: firing({}), unknown: [] });
  });

  it("is kept without the fields that do not fit, and reports them without the keys of labels", () => {
    assert.deepEqual(read("alert.firing", { rule: "r", value: "high", labels: { a: 1, b: 2, c: "d" } }), {
      data: firing({ rule: "r", labels: { c: "d" } }),
      unknown: [
        { field: "value", value: "is not a number" },
        { field: "labels", value: "is not a text" },
        { field: "labels", value: "is not a text" },
      ],
    });
    for (const data of [[], 5]) assert.deepEqual(read("alert.firing", data).data, firing({}));
  });

  it("reports an unknown value of any enum in it", () => {
    const windows = [{ name: "w", state: "WINDOW_STATE_OPEN" }, { state: "WINDOW_STATE_AJAR" }];
    const { unknown } = read("task.failed", { error: { category: "ERROR_CATEGORY_ENNUI" }, priority: 77, windows });
    assert.deepEqual(unknown, [
      { field: "error.category", value: "ERROR_CATEGORY_ENNUI" },
      { field: "priority", value: "77" },
      { field: "windows.state", value: "WINDOW_STATE_AJAR" },
    ]);
  });

  it("has a word for each enum that stands beside one, and for each value of it", () => {
    const lacking = fieldsOf("ccsp.event.v1.Event").flatMap(({ message }) =>
      (message?.fields ?? []).flatMap(({ name, enum: pair }) => {
        if (pair === undefined || !name.endsWith("_enum")) return [];
        const words: Readonly<Record<string, Readonly<Record<string, number>>>> = EVENT_WORDS;
        const known = new Set(Object.values(words[name.replace("_enum", "")] ?? {}));
        return pair.values.filter(({ number }) => number !== 0 && !known.has(number)).map((each) => each.name);
      }),
    );
    assert.deepEqual(lacking, []);
  });

  it("reads a duration in proto JSON's form and in the form that is written, in every message that has one", () => {
    const [seconds, nanos] = [1n, 500_000_000];
    for (const runTime of ["1.5s", { seconds: "1", nanos }]) {
      const { data } = read("task.completed", { runTime, windows: [{ length: runTime }] });
      assert.ok(data?.$case === "taskCompleted");
      assert.deepEqual([data.value.runTime, data.value.windows[0]?.length], Array(2).fill({ seconds, nanos }));
      const failed = read("task.failed", { error: { retryAfter: runTime } }).data;
      assert.deepEqual(failed?.$case === "taskFailed" && failed.value.error?.retryAfter, { seconds, nanos });
    }
    const { unknown } = read("task.completed", { run_time: "soon" });
    assert.deepEqual(unknown, [{ field: "run_time", value: "is not a duration, such as 3.5s" }]);
  });

  it("is logged with an unknown value once, however often it comes", () => {
    const lines: string[] = [];
    const tell = logUnknown(pino({}, { write: (line: string) => void lines.push(line) }));
    for (let times = 0; times < 3; times += 1) tell({ field: "severity", value: "page" });
    tell({ field: "severity", value: "siren" });
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? "", /"field":"severity","value":"page"/);
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
