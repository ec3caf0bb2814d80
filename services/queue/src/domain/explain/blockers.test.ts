import assert from "node:assert/strict";
import type { Gate } from "../gates/gates.js";
import { classWeights, type Order } from "../order/order.js";
import type { State } from "../task/task.js";
import { blockersOf } from "./blockers.js";
import type { ExecutorSlots, Situation, Standing, Waiting } from "./situation.js";

const NOW = 100_000;
const ORDER: Order = {
  urgentMax: 1,
  weights: classWeights(16, 4, 1),
  agentMaxRunning: 2,
  agentWeights: {},
  labelMaxRunning: { repo: 1 },
  engineRates: { e: [60, 0] },
  accountRates: {},
  agentRates: {},
};
const TASK: Waiting = {
  id: "~",
  agent: "alice",
  engine: "e",
  class: "urgent",
  state: "QUEUED",
  created: NOW,
  labels: ["repo=a"],
};
const NONE = { waiting: 0, oldestMs: undefined, credit: 0 };
const closed = (more: Partial<Gate> = {}): Gate => ({ who: "ada", why: "w", closed: 0, ...more });
const executor = (more: Partial<ExecutorSlots> = {}): ExecutorSlots => ({
  id: "ex-1",
  account: "",
  slots: 1,
  held: [],
  draining: false,
  ...more,
});
const situation = (here: Partial<Standing> = {}, executors: readonly ExecutorSlots[] = [executor()]): Situation => ({
  here: {
    nowMs: NOW,
    gates: new Map(),
    bounds: new Map(),
    running: new Map(),
    buckets: new Map(),
    cost: 1,
    classes: { urgent: NONE, high: NONE, normal: NONE, low: NONE },
    turns: [],
    turnTime: 0,
    aheadOfAgent: 0,
    ...here,
  },
  around: { executors, aheadInClass: 0, waiting: { urgent: 0, others: 0 }, elsewhere: [], runs: [] },
});
const kinds = (...asked: Parameters<typeof blockersOf>) => blockersOf(...asked).map(({ kind }) => kind);

describe("what blocks a task", () => {
  const ALL: Partial<Standing> = {
    gates: new Map(
      ["emergency", "all", "label/repo=a", "class/urgent", "engine/e", "agent/alice"].map((scope) => [scope, closed()]),
    ),
    running: new Map([
      ["agent/alice", 2],
      ["label/repo=a", 1],
      ["urgent/e", 1],
    ]),
    buckets: new Map([["requests/engine/e", { level: 0, timeMs: NOW }]]),
    classes: { urgent: { ...NONE, waiting: 3 }, high: { ...NONE, waiting: 3 }, normal: NONE, low: NONE },
    aheadOfAgent: 3,
  };

  it("ends with the last gate of the login that can start it first, and all its budgets are named", () => {
    const budget = (name: string, until: number) => ({ name, limit: "9 USD", action: "park", until }) as const;
    const [day, month] = [budget("day", NOW + 5_000), budget("month", NOW + 9_000)];
    const held = closed({ opens: month.until, budgets: [day, month] });
    const team = executor({ account: "team" });
    const blocked = (gates: ReadonlyMap<string, Gate>, executors = [team]) => {
      const [first, ...more] = blockersOf({ ...TASK, labels: [] }, situation({ gates }, executors), ORDER);
      assert.deepEqual(more, []);
      return first;
    };
    const ofTeam = ["budget/account/e/team", held] as const;
    const both = blocked(new Map([ofTeam]));
    assert.deepEqual([both?.kind, both?.untilMs], ["BUDGET_EXHAUSTED", month.until]);
    assert.match(both?.message ?? "", /budget day .*budget month /);
    const paused = blocked(new Map([ofTeam, ["account/e/team", closed()]]));
    assert.deepEqual([paused?.kind, paused?.untilMs], ["GATE", undefined]);
    const other = blocked(
      new Map([ofTeam, ["account/e/team", closed()], ["account/e/solo", closed({ opens: NOW + 7_000 })]]),
      [team, executor({ id: "ex-2", account: "solo" })],
    );
    assert.equal(other?.untilMs, NOW + 7_000);
  });

  it("is listed in full, in the order in which it has to end", () => {
    const full = situation(ALL, [executor({ held: [NOW] })]);
    assert.deepEqual(
      blockersOf({ ...TASK, state: "PARKED", ready: NOW + 1 }, full, ORDER).map(
        ({ kind, message }) => `${kind} ${message}`,
      ),
      [
        "GATE an emergency stop is in force, by ada: w",
        ...["everything", "engine e", "class urgent", "agent alice", "label repo=a"].map(
          (scope) => `GATE ${scope} is paused, by ada: w`,
        ),
        "PARKED it is parked until it is tried again",
        "CAP 2 tasks of agent alice run, of at most 2 at once",
        "CAP 1 tasks of label repo=a run, of at most 1 at once",
        "RATE the rate limit of engine e is used up",
        "CAP 1 urgent tasks of e run, and no more than 1 may overtake",
        "NO_SLOT all 1 slots for e are taken",
        "TURN 6 tasks have their turn before it, 3 of them its own agent's",
      ],
    );
  });

  const CASES: readonly (readonly [
    what: string,
    expected: readonly string[],
    ...asked: Parameters<typeof blockersOf>,
  ])[] = [
    ["is empty when it may start", [], TASK, situation(), ORDER],
    [
      "has no cap of labels that the task lacks",
      [],
      { ...TASK, labels: ["repo=b"] },
      situation({ running: new Map([["label/repo=a", 1]]) }),
      ORDER,
    ],
    [
      "has no gate that has opened and whose ramp is over",
      [],
      TASK,
      situation({ gates: new Map([["all", closed({ opens: NOW - 10, ramp: 10, let: 99 })]]) }),
      ORDER,
    ],
    [
      "has no emergency stop that only refuses new tasks",
      [],
      TASK,
      situation({ gates: new Map([["emergency", closed({ level: 1 })]]) }),
      ORDER,
    ],
    [
      "has NO_EXECUTOR for an executor without any slots",
      ["NO_EXECUTOR"],
      TASK,
      situation({}, [executor({ slots: 0 })]),
      ORDER,
    ],
    [
      "has the common rate for an agent with the name of a property of all JavaScript objects",
      ["RATE"],
      { ...TASK, agent: "constructor", labels: [] },
      situation({ buckets: new Map([["requests/agent/constructor", { level: 0, timeMs: NOW }]]) }),
      { ...ORDER, agentRates: { "*": [60, 0] } },
    ],
    [
      "has no turn for a task that waits for its own executor",
      ["AFFINITY"],
      { ...TASK, pin: "ex-1" },
      situation({ aheadOfAgent: 9 }, [executor({ held: [NOW] })]),
      ORDER,
    ],
    [
      "has no other executor's gate for a task that waits for its own",
      [],
      { ...TASK, pin: "ex-1" },
      situation({ gates: new Map([["executor/ex-2/e", closed()]]) }, [executor(), executor({ id: "ex-2" })]),
      ORDER,
    ],
  ];
  for (const [what, expected, ...asked] of CASES) it(what, () => assert.deepEqual(kinds(...asked), expected));

  for (const state of [
    "LEASED",
    "RUNNING",
    "CANCELLING",
    "SUCCEEDED",
    "FAILED",
    "CANCELLED",
    "EXPIRED",
  ] satisfies State[]) {
    it(`is empty for a task that is ${state}`, () =>
      assert.deepEqual(kinds({ ...TASK, state }, situation(ALL), ORDER), []));
  }
});
