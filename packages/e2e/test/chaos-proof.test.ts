import assert from "node:assert/strict";
import type { Evidence, TaskFacts } from "@ccsp/chaos/evidence.js";
import type { Entry, Happening } from "@ccsp/chaos/journal.js";
import { findViolations } from "@ccsp/chaos/proof.js";
import { stateName } from "@ccsp/chaos/task-log.js";
import { TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";

const entry = (fence: string, happening: Happening, task = "t-1"): Entry => ({
  at: 1,
  executor: "ex-1",
  boot: "boot-1",
  task,
  fence,
  ...happening,
});
const log = (...lines: Partial<TaskFacts["log"][number]>[]): TaskFacts["log"] =>
  lines.map((more, index) => ({ sequence: index + 1, line: `line ${index + 1}`, ...more }));

const START = [{}, {}, { text: "7:1;" }, { text: "7:2;" }] as const;
const TASK: TaskFacts = {
  agent: "ann",
  state: "SUCCEEDED",
  attempt: 1,
  result: "task 1 by ex-1 with 7",
  log: log(...START, { ended: "SUCCEEDED" }),
};
const JOURNAL = [
  entry("7", { what: "leased", attempt: 1 }),
  entry("7", { what: "reported", texts: 2 }),
  entry("7", { what: "completed" }),
];
const EVENTS = ["task.enqueued", "task.started", "task.completed"];

interface Change extends Partial<Omit<Evidence, "journal" | "events">> {
  readonly task?: Partial<TaskFacts>;
  readonly journal?: readonly Entry[];
  readonly events?: readonly string[];
}

/** Returns the violations of one task that went well, except for the changes of the test. */
function violations(change: Change) {
  const { task = {}, journal = JOURNAL, events = EVENTS, ...evidence } = change;
  const found = findViolations({
    agents: { accepted: new Map([["t-1", "ann"]]), watched: new Map(), ends: new Map() },
    tasks: new Map([["t-1", { ...TASK, ...task }]]),
    eventsTrimmed: 0,
    failedOver: false,
    ...evidence,
    journal,
    events: new Map([["t-1", events]]),
  });
  return found.map(({ what }) => what);
}

describe("The proof of a chaos run", () => {
  it("finds no fault in a correct run, also when Complete was answered twice for one lease", () => {
    assert.deepEqual(violations({}), []);
    assert.deepEqual(violations({ journal: [...JOURNAL, entry("7", { what: "completed" })] }), []);
  });

  it("lets each shard count fences separately", () => {
    assert.deepEqual(violations({ journal: [...JOURNAL, entry("7", { what: "leased", attempt: 1 }, "u-2")] }), []);
  });

  const faults: Readonly<Record<string, Change>> = {
    "an accepted task is lost": { tasks: new Map() },
    "a task exists that was not accepted": {
      tasks: new Map([
        ["t-1", TASK],
        ["t-2", TASK],
      ]),
    },
    "a task has not ended": { task: { state: "RUNNING" }, journal: JOURNAL.slice(0, 2), events: EVENTS.slice(0, 2) },
    "a log has a gap": { task: { log: log(...START, { ended: "SUCCEEDED", sequence: 6 }) } },
    "a log does not have exactly one end, as its last entry": {
      task: { log: log(...START, { ended: "SUCCEEDED" }, { ended: "SUCCEEDED" }) },
    },
    "the log and the state of a task differ": { task: { log: log(...START, { ended: "FAILED" }) } },
    "Complete was OK for two leases": { journal: [...JOURNAL, entry("8", { what: "completed" })] },
    "the result does not belong to a lease": { journal: JOURNAL.slice(1, 2) },
    "the result is not the one that the queue accepted": {
      task: { result: "task 1 by ex-1 with 6" },
      journal: [entry("6", { what: "leased", attempt: 1 }), ...JOURNAL],
    },
    "Fail ended the task, but the task has another end": {
      journal: [...JOURNAL, entry("6", { what: "failed", state: stateName(TaskState.FAILED) })],
    },
    "a report is missing, repeated or out of order": {
      task: { log: log({}, {}, { text: "7:1;" }, { text: "7:2;" }, { text: "7:2;" }, { ended: "SUCCEEDED" }) },
    },
    "an accepted report is lost": { journal: [...JOURNAL, entry("7", { what: "reported", texts: 3 })] },
    "there is not exactly one task.enqueued": { events: EVENTS.slice(1) },
    "there is not exactly one event for the end": { events: [...EVENTS, "task.failed"] },
    "there is not one task.started for each attempt": { events: [...EVENTS, "task.started"] },
    "events were dropped, so they cannot be checked": { eventsTrimmed: 1 },
    "a fence was granted twice": { journal: [...JOURNAL, entry("7", { what: "leased", attempt: 1 }, "t-2")] },
    "a watcher saw another log": {
      agents: { accepted: new Map([["t-1", "ann"]]), watched: new Map([["t-1", ["line 5"]]]), ends: new Map() },
    },
    "a watcher saw another end": {
      agents: { accepted: new Map([["t-1", "ann"]]), watched: new Map([["t-1", ["line 4"]]]), ends: new Map() },
      failedOver: true,
    },
    "an agent saw another end": {
      agents: {
        accepted: new Map([["t-1", "ann"]]),
        watched: new Map(),
        ends: new Map([["t-1", TaskState.CANCELLED]]),
      },
    },
  };
  for (const [what, change] of Object.entries(faults)) {
    it(`finds: ${what}`, () => assert.deepEqual(violations(change), [what]));
  }

  it("finds no fault when a failover took back log entries that were seen, and the end is the same", () => {
    const task = { log: log(...START, { ended: "SUCCEEDED", line: "5 (attempt 1) ended SUCCEEDED: x" }) };
    const watched = new Map([["t-1", ["line 1", "7 (attempt 1) ended SUCCEEDED: x"]]]);
    const agents = { accepted: new Map([["t-1", "ann"]]), watched, ends: new Map() };
    assert.deepEqual(violations({ task, agents, failedOver: true }), []);
  });

  it("finds that Complete was OK for a task that did not succeed", () => {
    const failed = { state: "FAILED", result: undefined, log: log(...START, { ended: "FAILED" }) };
    const events = ["task.enqueued", "task.started", "task.failed"];
    assert.deepEqual(violations({ task: failed, events }), ["Complete was OK but the task did not succeed"]);
  });
});
