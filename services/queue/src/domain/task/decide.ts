import type { CategoryName } from "@ccsp/errors";
import { backoffMs } from "@ccsp/timing";
import type { Move, RunFacts } from "./move.js";
import { type Failure, isEnded, isHeld, type PriorityClass, type Task } from "./task.js";

/** When a failed run is tried again, unless its task says otherwise. */
export interface RetryPolicy {
  /** Wait after the first failure; doubles with each run. */
  readonly baseMs: number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly refusals: RefusalBudget;
}

/**
 * What of a task may be refused at no cost in attempts, before it fails with the cause: so that an error that comes back always comes to an end.
 * A closed window is none of these: it is waited for.
 */
export interface RefusalBudget {
  /** Runs. */
  readonly runs: number;
  /** Time that it waited between them. */
  readonly waitMs: number;
}

/** A named time may pass a little late at the provider. */
const OPEN_MARGIN_MS = 30_000;
const LONGEST_BACKOFF_MS = 60_000;
/** No usage window is longer: a time beyond it was misread, and must not park a task for ever. */
export const LONGEST_PARKING_MS = 31 * 24 * 60 * 60 * 1000;
/** Leases that may be lost before a run started: a task that no executor can even start must end some day. */
export const DELIVERY_BUDGET = 20;
/** Runs that may meet a closed window: each waits until that opens, so a task that comes so far is one that nobody will mend. */
export const WINDOW_BUDGET = 1_000;

interface CategoryRule {
  /** First wait; the installation's when absent. */
  readonly baseMs?: number;
  /** Longest wait; the installation's when absent. */
  readonly maxMs?: number;
  /**
   * The provider said "not now": waiting mends it, so it says nothing about the task and costs no attempt. A `refusal` may be one that nothing
   * mends, and has a budget; a `window` opens.
   */
  readonly limit?: "refusal" | "window";
}

/** What each kind of failure means for the next try; the others follow the installation. */
const CATEGORY_RULES: Readonly<Partial<Record<CategoryName, CategoryRule>>> = {
  // A burst limit refills within a minute.
  RATE_LIMIT: { baseMs: 5_000, maxMs: 300_000, limit: "refusal" },
  // Without a time from the provider: windows are hours long, and each try that comes too early is a run for nothing.
  USAGE_WINDOW: { baseMs: 300_000, maxMs: 3_600_000, limit: "window" },
  // The account's bound on runs at once is what relieves the provider.
  OVERLOADED: { baseMs: 5_000, maxMs: 300_000, limit: "refusal" },
  // The account's gate is what it waits for.
  SESSION_TIMEOUT: { limit: "refusal" },
};

/**
 * When a failed run may be tried again: as the provider said or after a back-off, whichever is later; for a closed window as it said,
 * where it did.
 */
export function retryTime(
  task: Task,
  error: Failure,
  nowMs: number,
  policy: Pick<RetryPolicy, "baseMs" | "random">,
): number {
  const rule = CATEGORY_RULES[error.category] ?? {};
  const own = rule.limit ? undefined : task.retry;
  const baseMs = own?.baseMs ?? rule.baseMs ?? policy.baseMs;
  const maxMs = Math.max(own?.maxMs ?? rule.maxMs ?? LONGEST_BACKOFF_MS, baseMs);
  // Of a limit only the limited runs count: an hour of other failures makes no window longer.
  const runs = rule.limit ? (task.limited ?? 0) + 1 : Math.max(task.attempt ?? 0, (task.spent ?? 0) + 1);
  const waitMs = backoffMs(runs, { firstMs: baseMs, longestMs: maxMs, random: policy.random });
  const saidMs = Math.min(error.retryAfterMs ?? 0, LONGEST_PARKING_MS);
  // A window that opened while the run ended is named too. A second time it may be a clock that is wrong.
  const opened = error.retryAfterMs === 0 && runs === 1;
  const named = error.category === "USAGE_WINDOW" && (saidMs > 0 || opened);
  return Math.ceil(nowMs + (named ? saidMs + OPEN_MARGIN_MS : Math.max(waitMs, saidMs)));
}

/** What follows a failed run that holds `fence`. `readyMs` is its `retryTime` at `nowMs`. `facts` go into the event. */
export function afterFailure(
  task: Task,
  { fence, error, facts: { tokens, event: facts = {} } = {} }: { fence: number; error: Failure; facts?: RunFacts },
  { nowMs, readyMs, refusals }: { nowMs: number; readyMs: number; refusals: RefusalBudget },
): Move {
  const common = {
    from: task.state,
    fence,
    settle: "fail" as const,
    ...(tokens !== undefined && { used: tokens }),
  };
  // The cancel asked for the end, so whatever the run failed of is not tried again.
  if (task.state === "CANCELLING") return { ...common, ...cancelled(task.cancel ?? "", facts) };

  // Ended by an emergency stop, of which the task does not know yet.
  if (error.category === "CANCELLED") return { ...common, ...cancelled(error.message, facts) };

  const limit = CATEGORY_RULES[error.category]?.limit;
  // Nothing ran, so it is the executor's failure and not an attempt of the task.
  const unstarted = neverStarted(task, error);
  const spent = (task.spent ?? 0) + (limit || unstarted ? 0 : 1);
  const limited = (task.limited ?? 0) + (limit ? 1 : 0);
  const deliveries = (task.deliveries ?? 0) + (unstarted ? 1 : 0);
  const refused = (task.refused ?? 0) + (limit === "refusal" ? 1 : 0);
  const counted = { spent, limited, ...(unstarted && { deliveries }), ...(limit === "refusal" && { refused }), error };
  const unwanted = task.retry?.never?.includes(error.category) === true;
  // A login that ended is nothing that the engine could try again, but a person renews it.
  const retryable = error.retryable || error.category === "SESSION_TIMEOUT";
  const used = spent >= task.max || limited >= WINDOW_BUDGET || deliveries >= DELIVERY_BUDGET;
  if (!retryable || unwanted || used) return { ...common, ...failed(counted, facts) };
  const waitedMs = task.refusedMs ?? 0;
  if (limit === "refusal" && (refused >= refusals.runs || waitedMs >= refusals.waitMs)) {
    const message = `${error.message}; it came back ${refused} times, and was waited for ${Math.round(waitedMs / 60_000)} min`;
    return { ...common, ...failed({ ...counted, error: { ...error, message } }, facts) };
  }

  const told = { type: "retried" as const, error, facts };
  if (error.category === "SESSION_TIMEOUT" || unstarted) {
    return { ...common, to: "QUEUED", set: counted, note: { reason: error.message, error }, event: told };
  }
  return {
    ...common,
    to: "PARKED",
    set: { ...counted, ready: readyMs, ...(limit === "refusal" && { refusedMs: waitedMs + readyMs - nowMs }) },
    note: { reason: error.message, error, readyMs },
    event: { ...told, readyMs },
  };
}

/** How a lease can end without a word about the run. */
export type LeaseEnd =
  | { readonly how: "released"; readonly fence: number; readonly reason: string }
  /** The holder's Sync does not name it. */
  | { readonly how: "undelivered"; readonly fence: number }
  | { readonly how: "expired" };

/**
 * What follows a lease that ended without Complete or Fail. A run that had started costs an attempt, a lease without a run
 * costs a delivery; giving back costs nothing, and neither does an end that an emergency stop wants (`parked`).
 */
export function afterLease(task: Task, end: LeaseEnd, { parked = false } = {}): Move {
  const common = {
    from: task.state,
    fence: end.how === "expired" ? (task.fence ?? 0) : end.fence,
    ...(end.how === "released" && { settle: "release" as const }),
    ...(end.how === "expired" && { due: "leases" as const }),
  };
  if (task.state === "CANCELLING") return { ...common, ...cancelled(task.cancel ?? "") };

  const ran = task.state === "RUNNING";
  if (end.how === "released" || parked) {
    const reason = end.how === "released" ? end.reason : "an emergency stop parked it";
    const again = ran ? { note: { reason }, event: { type: "retried" } as const } : reason && { note: { reason } };
    // Of a lease that a stop ended there is no other trace, and the next is not the task's first.
    const set = parked && task.deliveries === undefined ? { deliveries: 0 } : {};
    return { ...common, to: "QUEUED", set, ...again };
  }
  const error = executorLost(ran ? "the executor was lost during the run" : "no executor could start the run");
  if (ran) {
    const spent = (task.spent ?? 0) + 1;
    if (spent >= task.max) return { ...common, ...failed({ spent, error }) };
    return {
      ...common,
      to: "QUEUED",
      set: { spent, error },
      note: { reason: error.message, error },
      event: { type: "retried", error },
    };
  }
  const deliveries = (task.deliveries ?? 0) + 1;
  if (deliveries >= DELIVERY_BUDGET) return { ...common, ...failed({ deliveries, error }) };
  return { ...common, to: "QUEUED", set: { deliveries } };
}

/** Who holds a lease, as its executor says. */
export interface Holder {
  readonly fence: number;
  readonly executor: string;
  readonly boot: string;
  readonly account: string;
}

/**
 * What follows when an executor holds a lease that the store forgot: it goes on, as the newest, for `leaseMs` from now.
 * Undefined when the task has ended.
 */
export function afterForgetting(task: Task, holder: Holder, leaseMs: number): Move | undefined {
  if (isEnded(task.state)) return undefined;
  const to = task.state === "CANCELLING" ? task.state : "LEASED";
  return { from: task.state, to, leaseMs, set: { ...holder, reports: 0, bound: null, charged: null, weight: null } };
}

/** What a cancel does, or undefined when there is nothing left to cancel. */
export function afterCancel(task: Task, reason: string): Move | undefined {
  if (isEnded(task.state) || task.state === "CANCELLING") return undefined;
  if (!isHeld(task.state)) return { from: task.state, ...cancelled(reason) };
  return { from: task.state, to: "CANCELLING", set: { cancel: reason }, note: { reason } };
}

/** What RetryTask does; undefined for a task that did not fail. It comes in as a new one does, has as many attempts as a new one, and no deadline any more. */
export function afterRevival(task: Task, reason: string): Move | undefined {
  if (task.state !== "FAILED" && task.state !== "EXPIRED") return undefined;
  return {
    from: task.state,
    to: "QUEUED",
    bounded: true,
    set: { spent: 0, limited: 0, refused: 0, refusedMs: 0, deliveries: 0, ended: null, deadline: null },
    note: { reason: reason || "put back" },
    event: { type: "retried" },
  };
}

/** What SetPriority does; undefined where there is nothing to change. */
export function afterPriority(task: Task, priority: PriorityClass): Move | undefined {
  if (isHeld(task.state) || isEnded(task.state) || task.class === priority) return undefined;
  const note = { reason: `priority changed from ${task.class} to ${priority}` };
  return { from: task.state, to: task.state, set: { class: priority }, note };
}

/** A task that a label blocked may try again. */
export function afterBlock(task: Task): Move | undefined {
  if (task.state !== "QUEUED" || task.blocked === undefined) return undefined;
  return { from: "QUEUED", to: "QUEUED", set: {} };
}

/** A queued task whose prompt is gone: a fault, or a Redis that came back without it. */
export function afterLoss(task: Task): Move | undefined {
  if (task.state !== "QUEUED") return undefined;
  const error: Failure = {
    category: "UNKNOWN_ERROR",
    message: "its prompt was lost",
    retryable: false,
    source: "CCSP",
  };
  return { from: "QUEUED", ...failed({ error }) };
}

/** A parked or scheduled task whose time has come. */
export function afterParking({ state }: Task): Move {
  return { from: state, to: "QUEUED", due: "parked", set: {}, note: {} };
}

/** The end of a waiting task whose answer was there before: it waited for nobody, and nobody ran it. */
export function afterAnswer({ created }: Task, { event: facts = {} }: RunFacts): Move {
  return {
    from: "QUEUED",
    to: "SUCCEEDED",
    set: { leased: created, executor: "" },
    event: { type: "completed", facts },
  };
}

/** The end that a holder's result brings, whatever the state: the work was done. */
export function afterCompletion(fence: number, { tokens, event: facts = {} }: RunFacts): Move {
  const used = tokens === undefined ? {} : { used: tokens };
  return {
    to: "SUCCEEDED",
    fence,
    settle: "complete",
    ...used,
    set: {},
    event: { type: "completed", facts },
  };
}

function failed(set: Partial<Task> & { error: Failure }, facts: object = {}) {
  return {
    to: "FAILED",
    set,
    note: { error: set.error },
    event: { type: "failed", error: set.error, facts },
  } as const;
}

function cancelled(reason: string, facts: object = {}) {
  const error: Failure = { category: "CANCELLED", message: reason || "cancelled", retryable: false, source: "AGENT" };
  return {
    to: "CANCELLED",
    set: { cancel: reason, error },
    note: { reason, error },
    event: { type: "cancelled", reason, facts },
  } as const;
}

function executorLost(message: string): Failure {
  return { category: "EXECUTOR_LOST", message, retryable: true, source: "CCSP" };
}

/** The engine's processes did not come up on that executor: its report of a start is what makes a run. */
export const neverStarted = (task: Task, error: Failure): boolean =>
  task.state === "LEASED" && error.category === "ENGINE_CRASH";
