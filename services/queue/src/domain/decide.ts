import type { Move, RunFacts } from "./move.js";
import { type Failure, isEnded, isHeld, type Task } from "./task.js";

/** When a failed run is tried again. */
export interface RetryPolicy {
  /** Wait after the first failure; doubles with each run, up to a minute. */
  readonly baseMs: number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
}

export const LONGEST_BACKOFF_MS = 60_000;
/** No usage window is longer: a time beyond it was misread, and must not park a task for ever. */
export const LONGEST_PARKING_MS = 31 * 24 * 60 * 60 * 1000;
/** Leases that may be lost before a run started: a task that no executor can even start must end some day. */
export const DELIVERY_BUDGET = 20;
/** Runs that may meet a limit of the provider: eight hours at least of back-off alone, so waiting does not mend it. */
export const LIMIT_BUDGET = 1_000;

// The provider said "not now": waiting mends it, so it says nothing about the task.
const LIMITS = new Set(["RATE_LIMIT", "USAGE_WINDOW", "OVERLOADED"]);

/** What follows a failed run that holds `fence`. `nowMs` is Redis' time. `facts` go into the event. */
export function afterFailure(
  task: Task,
  { fence, error, facts: { tokens, event: facts = {} } = {} }: { fence: number; error: Failure; facts?: RunFacts },
  nowMs: number,
  policy: RetryPolicy,
): Move {
  const common = {
    ...{ from: task.state, fence, settle: "fail" as const },
    ...(tokens !== undefined && { used: tokens }),
  };
  // The cancel asked for the end, so whatever the run failed of is not tried again.
  if (task.state === "CANCELLING") return { ...common, ...cancelled(task.cancel ?? "", facts) };

  const limit = LIMITS.has(error.category);
  const spent = (task.spent ?? 0) + (limit ? 0 : 1);
  const limited = (task.limited ?? 0) + (limit ? 1 : 0);
  if (!error.retryable || spent >= task.max || limited >= LIMIT_BUDGET) {
    return { ...common, ...failed({ spent, limited, error }, facts) };
  }

  const runs = Math.max(task.attempt ?? 0, spent + limited, 1);
  const backoffMs = Math.min(policy.baseMs * 2 ** (runs - 1), LONGEST_BACKOFF_MS) * (0.5 + policy.random() / 2);
  const saidMs = Math.min(error.retryAfterMs ?? 0, LONGEST_PARKING_MS);
  const readyMs = Math.ceil(nowMs + Math.max(backoffMs, saidMs));
  return {
    ...common,
    to: "PARKED",
    set: { spent, limited, error, ready: readyMs },
    note: { reason: error.message, error, readyMs },
    event: { type: "retried", error, readyMs, facts },
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
 * costs a delivery; giving back costs nothing.
 */
export function afterLease(task: Task, end: LeaseEnd): Move {
  const common = {
    from: task.state,
    fence: end.how === "expired" ? (task.fence ?? 0) : end.fence,
    ...(end.how === "released" && { settle: "release" as const }),
    ...(end.how === "expired" && { due: "leases" as const }),
  };
  if (task.state === "CANCELLING") return { ...common, ...cancelled(task.cancel ?? "") };

  const ran = task.state === "RUNNING";
  if (end.how === "released") {
    const again = ran ? { note: { reason: end.reason }, event: { type: "retried" } as const } : {};
    return { ...common, to: "QUEUED", set: {}, ...again };
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

/** What a cancel does, or undefined when there is nothing left to cancel. */
export function afterCancel(task: Task, reason: string): Move | undefined {
  if (isEnded(task.state) || task.state === "CANCELLING") return undefined;
  if (!isHeld(task.state)) return { from: task.state, ...cancelled(reason) };
  return { from: task.state, to: "CANCELLING", set: { cancel: reason }, note: { reason } };
}

/** A parked or scheduled task whose time has come. */
export function afterParking({ state }: Task): Move {
  return { from: state, to: "QUEUED", due: "parked", set: {}, note: {} };
}

/** The end of a waiting task whose answer was there before: it waited for nobody, and nobody ran it. */
export function afterAnswer({ created }: Task, { event: facts = {} }: RunFacts): Move {
  return {
    ...{ from: "QUEUED", to: "SUCCEEDED", note: {} },
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
    note: {},
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
  const error = { category: "CANCELLED", message: reason || "cancelled", retryable: false, source: "AGENT" };
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
