import { type Scope, scopeName } from "../gates/scope.js";
import { labelCap, type Order } from "../order/order.js";
import { ableExecutors, type Blocker, isGated } from "./blockers.js";
import { tasksBefore } from "./position.js";
import { rateWaitMs } from "./rates.js";
import type { RunTimes } from "./run-times.js";
import { type Slots, simulateStarts } from "./simulate-starts.js";
import type { Situation, Waiting } from "./situation.js";

/** Times from now (ms) that are enough with a probability of 50, 90 and 95 %. */
export interface Estimate {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
}

/** Slots, and how many other tasks take one of them before the task does. */
interface Queueing {
  readonly before: number;
  readonly slots: Slots;
}

/**
 * Estimates when a waiting task starts. It simulates how the tasks before it leave the engine's slots, and separately
 * each cap as if it were the only one. The latest of these times counts, together with the known end times of the
 * blockers.
 *
 * The estimate ignores tasks that come later and overtake, runs that fail and come again, and executors that come and
 * go. So it is right while the load does not change. Undefined when something blocks the task for an unknown time. Also
 * undefined when run times matter and none are known.
 */
export function estimateStart(
  task: Waiting,
  situation: Situation,
  { order, blockers, runs }: { order: Order; blockers: readonly Blocker[]; runs: RunTimes | undefined },
): Estimate | undefined {
  if (blockers.some((each) => isWithoutEnd(each, task, situation))) return undefined;
  const before = tasksBefore(task, situation, order);
  const queueing = queueingOf(task, situation, { before, order, meanMs: runs?.meanMs ?? 0 });
  const waits = queueing.filter((each) => each.before >= each.slots.free);
  const nowhere = queueing.some(({ slots }) => slots.busyMs.length + slots.free === 0);
  if (nowhere || (waits.length > 0 && runs === undefined)) return undefined;
  const knownMs = Math.max(latestOf(blockers) - situation.here.nowMs, ratesMs(task, situation, before, order));
  const starts = runs ? waits.map((each) => simulateStarts(each.before, each.slots, runs)) : [];
  const at = (share: number): number =>
    Math.max(0, knownMs, ...starts.map((times) => times[Math.ceil(share * times.length) - 1] ?? 0));
  return { p50Ms: at(0.5), p90Ms: at(0.9), p95Ms: at(0.95) };
}

export const estimateRun = (runs: RunTimes): Estimate => ({
  p50Ms: runs.quantileMs(0.5),
  p90Ms: runs.quantileMs(0.9),
  p95Ms: runs.quantileMs(0.95),
});

const latestOf = (blockers: readonly Blocker[]): number => Math.max(...blockers.map(({ untilMs = 0 }) => untilMs), 0);

function isWithoutEnd({ kind, untilMs }: Blocker, task: Waiting, { around }: Situation): boolean {
  if (untilMs !== undefined) return false;
  // An executor that is present but full gets a free slot when a run ends.
  if (kind === "AFFINITY") return ableExecutors(around.executors, task.pin).length === 0;
  return kind === "GATE" || kind === "NO_EXECUTOR";
}

function queueingOf(
  task: Waiting,
  situation: Situation,
  { before, order, meanMs }: { before: number; order: Order; meanMs: number },
): Queueing[] {
  const { here, around } = situation;
  const queueing = [{ before, slots: slotsFor(task, situation) }];
  // It is not known how long these runs have been running. The estimate assumes half of the average.
  const addCap = (scope: Scope, cap: number, ahead: number): void => {
    const busy = Math.min(cap, here.running.get(scopeName(scope)) ?? 0);
    const busyMs = Array.from({ length: busy }, () => meanMs / 2);
    queueing.push({ before: ahead, slots: { busyMs, free: cap - busy } });
  };
  if (order.agentMaxRunning > 0) addCap({ kind: "agent", agent: task.agent }, order.agentMaxRunning, here.aheadOfAgent);
  for (const label of task.labels ?? []) {
    const cap = labelCap(order, label);
    if (cap !== undefined) addCap({ kind: "label", label }, cap, 0);
  }
  // With several logins, the bound of one login does not count: a task can start at another login.
  const [login = "", ...others] = new Set(around.executors.map(({ account }) => account));
  const bound = others.length === 0 ? here.bounds.get(login) : undefined;
  if (bound !== undefined) {
    addCap({ kind: "account", engine: task.engine, account: login }, bound, Math.floor(before / shardsOf(around)));
  }
  return queueing;
}

/**
 * The slots that the task could get. When it is pinned to an executor that is away, these are the slots of the others.
 */
function slotsFor(task: Waiting, { here, around }: Situation): Slots {
  const own = ableExecutors(around.executors, task.pin);
  const able = own.length > 0 ? own : ableExecutors(around.executors, undefined);
  const open = able.filter((each) => !isGated(each, task, here));
  const used = open.length > 0 ? open : able;
  return {
    // When an executor has more runs than slots, the first runs that end free no slot.
    busyMs: used.flatMap(({ held, slots }) =>
      held.toSorted((a, b) => b - a).flatMap((leasedMs, i) => (i < slots ? Math.max(0, here.nowMs - leasedMs) : [])),
    ),
    free: used.reduce((sum, { slots, held }) => sum + Math.max(0, slots - held.length), 0),
  };
}

const shardsOf = ({ elsewhere }: Situation["around"]): number => 1 + elsewhere.length;

/**
 * How long (ms) until the rate limits have refilled for the task and those before it. A shard has its share of the
 * limits of engines and logins. With several logins, the rate of one does not count: see `queueingOf`.
 */
function ratesMs({ engine, agent }: Waiting, { here, around }: Situation, before: number, order: Order): number {
  const ofShard = Math.ceil((before + 1) / shardsOf(around));
  const [login = "", ...others] = new Set(around.executors.map(({ account }) => account));
  const name = `${engine}/${login}`;
  return Math.max(
    rateWaitMs(here, { kind: "engine", name: engine, rates: order.engineRates }, ofShard),
    others.length > 0 ? 0 : rateWaitMs(here, { kind: "account", name, rates: order.accountRates }, ofShard),
    rateWaitMs(here, { kind: "agent", name: agent, rates: order.agentRates }, here.aheadOfAgent + 1),
  );
}
