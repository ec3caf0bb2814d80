import assert from "node:assert/strict";
import { array, assert as holds, nat, property, record, tuple } from "fast-check";
import { classWeights, type Order } from "../order/order.js";
import { blockersOf } from "./blockers.js";
import { type Estimate, estimateRun, estimateStart } from "./estimate.js";
import { tasksBefore } from "./position.js";
import { learnRunTimes } from "./run-times.js";
import type { Situation, Standing, Waiting } from "./situation.js";

const ORDER: Order = {
  urgentMax: 1,
  weights: classWeights(16, 4, 1),
  agentMaxRunning: 0,
  agentWeights: {},
  labelMaxRunning: {},
  engineRates: {},
  accountRates: {},
  agentRates: {},
};
const TASK: Waiting = { id: "~", agent: "alice", engine: "e", class: "normal", state: "QUEUED", created: 1_000 };
const RUNS = learnRunTimes([60_000, 60_000, 60_000].map((ms) => ({ ms, model: "" })));

const NONE = { waiting: 0, oldestMs: undefined, credit: 0 };
const here = (more: Partial<Standing> = {}): Standing => ({
  nowMs: 1_000,
  gates: new Map(),
  bounds: new Map(),
  running: new Map(),
  buckets: new Map(),
  cost: 1,
  classes: { urgent: NONE, high: NONE, normal: { ...NONE, waiting: more.aheadOfAgent ?? 0 }, low: NONE },
  turns: [],
  turnTime: 0,
  aheadOfAgent: 0,
  ...more,
});
const situation = ({
  slots = 1,
  held = 0,
  runningMs = 0,
  ...more
}: Partial<Standing> & { slots?: number; held?: number; runningMs?: number } = {}): Situation => ({
  here: here(more),
  around: {
    executors: [
      { id: "ex-1", account: "", slots, draining: false, held: Array.from({ length: held }, () => 1_000 - runningMs) },
    ],
    aheadInClass: 0,
    waiting: { urgent: 0, others: 0 },
    elsewhere: [],
    runs: [],
  },
});
const estimate = (at: Situation, { task = TASK, order = ORDER, runs = RUNS } = {}): Estimate | undefined =>
  estimateStart(task, at, { order, blockers: blockersOf(task, at, order), runs });

describe("the estimate of a start", () => {
  const CASES: readonly (readonly [what: string, at: Situation, p50Ms: number])[] = [
    ["is now when a slot is free", situation(), 0],
    [
      "is now when there are enough free slots for it and the tasks before it",
      situation({ slots: 3, aheadOfAgent: 2 }),
      0,
    ],
    ["is the time of a run when the only slot is taken", situation({ held: 1 }), 60_000],
    ["is the rest of an active run", situation({ held: 1, runningMs: 45_000 }), 15_000],
    ["is the time of a run for each task before it", situation({ held: 1, aheadOfAgent: 4 }), 300_000],
    ["is shared by the slots", situation({ slots: 4, held: 4, aheadOfAgent: 7 }), 120_000],
  ];
  for (const [what, at, p50Ms] of CASES) {
    it(what, () => assert.equal(estimate(at)?.p50Ms, p50Ms));
  }

  it("is later at higher certainty, the more run times differ", () => {
    const runs = learnRunTimes([10_000, 20_000, 150_000].map((ms) => ({ ms, model: "" })));
    const { p50Ms = 0, p90Ms = 0, p95Ms = 0 } = estimate(situation({ held: 1, aheadOfAgent: 3 }), { runs }) ?? {};
    assert.ok(p50Ms < p90Ms && p90Ms < p95Ms, [p50Ms, p90Ms, p95Ms].join());
    assert.deepEqual(
      estimate(situation({ held: 1 })),
      { p50Ms: 60_000, p90Ms: 60_000, p95Ms: 60_000 },
      "all are alike",
    );
  });

  it("is the known end of a blocker, when that is later than the task's turn", () => {
    const gate = { who: "ada", why: "w", closed: 0, opens: 91_000 };
    const closed = { gates: new Map([["all", gate]]) };
    assert.equal(estimate(situation(closed))?.p50Ms, 90_000);
    assert.equal(estimate(situation({ ...closed, held: 1, aheadOfAgent: 4 }))?.p50Ms, 300_000);
    const scheduled = { ...TASK, state: "SCHEDULED", since: 61_000, ready: 61_000 } as const;
    assert.equal(estimate(situation(), { task: scheduled })?.p50Ms, 60_000);
  });

  it("is unknown when a blocker has no known end, and when run times matter and none are known", () => {
    const gate = { who: "ada", why: "w", closed: 0 };
    assert.equal(estimate(situation({ gates: new Map([["all", gate]]) })), undefined);
    assert.equal(estimate(situation({ slots: 0 })), undefined);
    assert.equal(estimate(situation(), { task: { ...TASK, pin: "ex-9" } }), undefined);
    assert.equal(
      estimateStart(TASK, situation({ held: 1 }), { order: ORDER, blockers: [], runs: undefined }),
      undefined,
    );
    assert.equal(estimateStart(TASK, situation(), { order: ORDER, blockers: [], runs: undefined })?.p50Ms, 0);
  });

  it("waits for the caps of its agent and its labels too", () => {
    const running = new Map([
      ["agent/alice", 2],
      ["label/repo=a", 1],
    ]);
    const at = situation({ slots: 99, held: 2, running });
    assert.equal(estimate(at, { order: { ...ORDER, agentMaxRunning: 2 } })?.p50Ms, 30_000, "half a run");
    const task = { ...TASK, labels: ["repo=a"] };
    assert.equal(estimate(at, { task, order: { ...ORDER, labelMaxRunning: { repo: 1 } } })?.p50Ms, 30_000);
  });

  it("waits until the rate limits have refilled for all tasks before it", () => {
    const buckets = new Map([["requests/agent/alice", { level: 0, timeMs: 1_000 }]]);
    const order = { ...ORDER, agentRates: { alice: [6, 0] as const } };
    assert.equal(estimate(situation({ slots: 9, buckets }), { order })?.p50Ms, 10_000);
    assert.equal(estimate(situation({ slots: 9, buckets, aheadOfAgent: 2 }), { order })?.p50Ms, 30_000);
  });

  it("uses only the slots of its executor for a pinned task whose executor is full, whatever else waits", () => {
    const at = situation({ slots: 2, held: 2, runningMs: 20_000, aheadOfAgent: 50 });
    assert.equal(estimate(at, { task: { ...TASK, pin: "ex-1" } })?.p50Ms, 40_000);
  });

  const anything = record({
    slots: nat(6).map((slots) => slots + 1),
    held: nat(6),
    waiting: tuple(nat(9), nat(9), nat(9), nat(9)),
    ahead: nat(9),
    others: array(record({ time: nat(9), waiting: nat(9) }), { maxLength: 4 }),
    runs: array(
      nat(1e6).map((ms) => ({ ms, model: "" })),
      { minLength: 1, maxLength: 9 },
    ),
  });
  type Anything = typeof anything extends { generate: (...args: never[]) => { value: infer T } } ? T : never;
  const at = ({ slots, held, waiting, ahead, others }: Anything): Situation => {
    const [urgent, high, normal, low] = waiting;
    const queue = (count: number) => ({ ...NONE, waiting: count });
    const classes = { urgent: queue(urgent), high: queue(high), normal: queue(normal + ahead), low: queue(low) };
    const turns = others.map(({ time, waiting: count }, i) => ({ agent: `bob-${i}`, time, waiting: count }));
    return situation({ slots, held: Math.min(held, slots), classes, turns, turnTime: 3, aheadOfAgent: ahead });
  };
  const of = (any: Anything) => {
    const { p50Ms = -1, p90Ms = -1, p95Ms = -1 } = estimate(at(any), { runs: learnRunTimes(any.runs) }) ?? {};
    return [p50Ms, p90Ms, p95Ms];
  };
  const noneLess = (a: readonly number[], b: readonly number[]) => a.every((ms, i) => ms >= 0 && ms <= (b[i] ?? -1));

  it("is never later with more slots", () => {
    holds(property(anything, (any) => noneLess(of({ ...any, slots: any.slots + 1 }), of(any))));
  });

  it("is never earlier behind more tasks of its class, its own agent's or another's", () => {
    const more = ([first, ...rest]: Anything["others"]) =>
      first ? [{ ...first, waiting: first.waiting + 1 }, ...rest] : [{ time: 0, waiting: 1 }];
    holds(property(anything, (any) => noneLess(of(any), of({ ...any, ahead: any.ahead + 1 }))));
    holds(property(anything, (any) => noneLess(of(any), of({ ...any, others: more(any.others) }))));
  });

  // A class without waiting tasks loses its negative credit. So one more task can bring the turn of another class
  // forward.
  it("is at most two turns earlier behind more tasks of other classes", () => {
    const before = (any: Anything) => tasksBefore(TASK, at(any), ORDER);
    holds(
      property(anything, nat(3), (any, index) => {
        const [urgent, high, normal, low] = any.waiting.map((count, i) => (i === index ? count + 1 : count));
        const waiting = [urgent ?? 0, high ?? 0, normal ?? 0, low ?? 0] as [number, number, number, number];
        return before(any) <= before({ ...any, waiting }) + 2;
      }),
      { numRuns: 500 },
    );
  });
});

describe("learned run times", () => {
  const runs = (...times: readonly number[]) => times.map((ms) => ({ ms, model: "m" }));

  it("are the quantiles of the observed runs", () => {
    const learned = learnRunTimes(runs(5, 1, 4, 2, 3, 10, 9, 8, 7, 6));
    assert.ok(learned);
    assert.deepEqual(estimateRun(learned), { p50Ms: 5, p90Ms: 9, p95Ms: 10 });
    assert.equal(learned.meanMs, 5.5);
    assert.equal(learnRunTimes([]), undefined);
  });

  it("are those of one model once twenty of its runs were observed, of the engine before", () => {
    const slow = Array.from({ length: 20 }, () => ({ ms: 900, model: "slow" }));
    const all = [...slow, ...runs(1, 1, 1)];
    assert.equal(learnRunTimes(all, "slow")?.meanMs, 900);
    assert.equal(learnRunTimes(all.slice(1), "slow")?.quantileMs(0), 1);
  });
});
