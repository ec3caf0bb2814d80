import type { CategoryName } from "@ccsp/errors";
import { backoffMs } from "@ccsp/timing";
import type { Move, RunFacts } from "./move.js";
import { type Consumed, type Failure, isEnded, isHeld, type PriorityClass, type Task } from "./task.js";

/** When a failed run is tried again. The task may set other values (`Task.retry`). */
export interface RetryPolicy {
  /** Wait after the first failure. It doubles with each run. */
  readonly baseMs: number;
  /** Returns 0 to 1, for jitter. */
  readonly random: () => number;
  readonly refusals: RefusalBudget;
}

/**
 * How often and how long the provider may refuse a task at no cost in attempts. After that the task fails with the
 * cause. So an error that always comes back ends at some time. A closed usage window does not count: the task waits
 * until it opens.
 */
export interface RefusalBudget {
  readonly runs: number;
  /** Total time that the task waited between these runs. */
  readonly waitMs: number;
}

/** The clock of the provider may be behind, so what waits for a window waits a little longer than the provider said. */
export const OPEN_MARGIN_MS = 30_000;
const LONGEST_BACKOFF_MS = 60_000;
/** No usage window is longer. A longer time is a misread one, and must not park a task forever. */
export const LONGEST_PARKING_MS = 31 * 24 * 60 * 60 * 1000;
/** Leases that may be lost before a run started. A task that no executor can start must end at some time. */
export const DELIVERY_BUDGET = 20;
/**
 * Runs that may meet a closed usage window. Each waits until the window opens, so a task with so many will not recover.
 */
export const WINDOW_BUDGET = 1_000;

interface CategoryRule {
  /** First wait. Absent: that of the installation. */
  readonly baseMs?: number;
  /** Longest wait. Absent: `LONGEST_BACKOFF_MS`. */
  readonly maxMs?: number;
  /**
   * The provider said "not now". Time solves this, so it is not a fault of the task and costs no attempt. A `refusal`
   * may come back forever, so it has a budget. A `window` opens at some time.
   */
  readonly limit?: "refusal" | "window";
}

/** What each category of failure means for the next try. Other categories follow the settings of the installation. */
const CATEGORY_RULES: Readonly<Partial<Record<CategoryName, CategoryRule>>> = {
  // A burst limit refills within a minute.
  RATE_LIMIT: { baseMs: 5_000, maxMs: 300_000, limit: "refusal" },
  // These waits are for a window without a time from the provider. Windows are hours long, and each early try wastes a
  // run.
  USAGE_WINDOW: { baseMs: 300_000, maxMs: 3_600_000, limit: "window" },
  // The account's bound on concurrent runs relieves the provider, not this wait.
  OVERLOADED: { baseMs: 5_000, maxMs: 300_000, limit: "refusal" },
  // The task waits behind the gate of the account.
  SESSION_TIMEOUT: { limit: "refusal" },
};

/**
 * When a failed run may be tried again (ms since 1970): at the time that the provider said or after a back-off,
 * whichever is later. For a closed usage window, a time that the provider said is the only one that counts.
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
  // For a limit, only limited runs count: other failures before it do not make the limit last longer.
  const runs = rule.limit ? (task.limited ?? 0) + 1 : Math.max(task.attempt ?? 0, (task.spent ?? 0) + 1);
  const waitMs = backoffMs(runs, { firstMs: baseMs, longestMs: maxMs, random: policy.random });
  const saidMs = Math.min(error.retryAfterMs ?? 0, LONGEST_PARKING_MS);
  // 0 means that the window opened while the run ended. Only the first time: a second 0 may come from a wrong clock.
  const opened = error.retryAfterMs === 0 && runs === 1;
  const named = error.category === "USAGE_WINDOW" && (saidMs > 0 || opened);
  return Math.ceil(nowMs + (named ? saidMs + OPEN_MARGIN_MS : Math.max(waitMs, saidMs)));
}

/**
 * The move after a failed run that holds `fence`. `readyMs` is its `retryTime` at `nowMs`. `facts` go into the event.
 */
export function afterFailure(
  task: Task,
  {
    fence,
    error,
    facts: { tokens, consumed, event: facts = {} } = {},
  }: { fence: number; error: Failure; facts?: RunFacts },
  { nowMs, readyMs, refusals }: { nowMs: number; readyMs: number; refusals: RefusalBudget },
): Move {
  const common = {
    from: task.state,
    fence,
    settle: "fail" as const,
    ...(tokens !== undefined && { used: tokens }),
    consumed,
  };
  // A caller cancelled the task, so it ends whatever the cause of the failure is.
  if (task.state === "CANCELLING") return { ...common, ...cancelled(task.cancel ?? "", facts) };

  // An emergency stop ended the run, and the record of the task does not show it yet.
  if (error.category === "CANCELLED") return { ...common, ...cancelled(error.message, facts) };

  const limit = CATEGORY_RULES[error.category]?.limit;
  // No run started. So this is a failure of the executor and not an attempt of the task.
  const unstarted = neverStarted(task, error);
  const spent = (task.spent ?? 0) + (limit || unstarted ? 0 : 1);
  const limited = (task.limited ?? 0) + (limit ? 1 : 0);
  const deliveries = (task.deliveries ?? 0) + (unstarted ? 1 : 0);
  const refused = (task.refused ?? 0) + (limit === "refusal" ? 1 : 0);
  const counted = {
    spent,
    limited,
    ...(unstarted && { deliveries }),
    ...(limit === "refusal" && { refused }),
    error,
    ...(consumed && { consumed: sumOf(task.consumed, consumed) }),
  };
  const unwanted = task.retry?.never?.includes(error.category) === true;
  // The engine cannot retry after a login ended. But a person renews the login, so the queue can.
  const retryable = error.retryable || error.category === "SESSION_TIMEOUT";
  const used = spent >= task.max || limited >= WINDOW_BUDGET || deliveries >= DELIVERY_BUDGET;
  if (!retryable || unwanted || used) return { ...common, ...failed(counted, facts) };
  const waitedMs = task.refusedMs ?? 0;
  if (limit === "refusal" && (refused > refusals.runs || waitedMs >= refusals.waitMs)) {
    const message = `${error.message}; the task failed in this way ${refused} times and waited ${Math.round(waitedMs / 60_000)} min in total`;
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

/** How a lease can end without a result of the run. */
export type LeaseEnd =
  | { readonly how: "released"; readonly fence: number; readonly reason: string }
  /** The Sync of its holder does not name it. */
  | { readonly how: "undelivered"; readonly fence: number }
  | { readonly how: "expired" };

/**
 * The move after a lease that ended without Complete or Fail. A run that had started costs an attempt. A lease without
 * a run costs a delivery. A released lease costs nothing, and neither does a lease that an emergency stop ended
 * (`parked`).
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
    // `deliveries` shows that the next lease is not the first one: a lease that a stop ended leaves no other trace.
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

/** The holder of a lease, as its executor reports it. */
export interface Holder {
  readonly fence: number;
  readonly executor: string;
  readonly boot: string;
  readonly account: string;
}

/**
 * The move when an executor holds a lease that the store lost: the lease continues as the newest one, for `leaseMs`
 * from now. Undefined when the task has ended.
 */
export function afterLostLease(task: Task, holder: Holder, leaseMs: number): Move | undefined {
  if (isEnded(task.state)) return undefined;
  const to = task.state === "CANCELLING" ? task.state : "LEASED";
  return { from: task.state, to, leaseMs, set: { ...holder, reports: 0, bound: null, charged: null, weight: null } };
}

/** The move of a cancel. Undefined when there is nothing to cancel. */
export function afterCancel(task: Task, reason: string): Move | undefined {
  if (isEnded(task.state) || task.state === "CANCELLING") return undefined;
  if (!isHeld(task.state)) return { from: task.state, ...cancelled(reason) };
  return { from: task.state, to: "CANCELLING", set: { cancel: reason }, note: { reason } };
}

/**
 * The move of RetryTask. Undefined for a task that did not fail. The bounds on waiting tasks apply to it like to a new
 * task. It has all its attempts again, and no deadline any more.
 */
export function afterRetry(task: Task, reason: string): Move | undefined {
  if (task.state !== "FAILED" && task.state !== "EXPIRED") return undefined;
  return {
    from: task.state,
    to: "QUEUED",
    bounded: true,
    set: { spent: 0, limited: 0, refused: 0, refusedMs: 0, deliveries: 0, ended: null, deadline: null, consumed: null },
    note: { reason: reason || "put back" },
    event: { type: "retried" },
  };
}

const PRIORITY_CHANGED = "priority changed from ";

/** Whether this is the reason in the log of a change of the priority. */
export const isPriorityChange = (reason = ""): boolean => reason.startsWith(PRIORITY_CHANGED);

/** The move of SetPriority. Undefined when there is nothing to change. */
export function afterPriority(task: Task, priority: PriorityClass): Move | undefined {
  if (isHeld(task.state) || isEnded(task.state) || task.class === priority) return undefined;
  const note = { reason: `${PRIORITY_CHANGED}${task.class} to ${priority}` };
  return { from: task.state, to: task.state, set: { class: priority }, note };
}

/** The move of a task that a label blocked and that may try again. */
export function afterBlock(task: Task): Move | undefined {
  if (task.state !== "QUEUED" || task.blocked === undefined) return undefined;
  return { from: "QUEUED", to: "QUEUED", set: {} };
}

/** The end of a queued task whose prompt is gone, because of a fault or because Redis came back without it. */
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

/** The move of a parked or scheduled task whose time has come. */
export function afterParking({ state }: Task): Move {
  return { from: state, to: "QUEUED", due: "parked", set: {}, note: {} };
}

/**
 * The end of a waiting task that is answered from the cache: its wait is 0 (`leased: created`), and no executor ran it.
 */
export function afterAnswer({ created }: Task, { event: facts = {} }: RunFacts): Move {
  return {
    from: "QUEUED",
    to: "SUCCEEDED",
    set: { leased: created, executor: "" },
    event: { type: "completed", facts },
  };
}

/**
 * The end with a holder's result. It applies in any held state, because the work is done. It also applies after the end
 * of its lease, while the task waits and no later lease was granted.
 */
export function afterCompletion(fence: number, { tokens, consumed, event: facts = {} }: RunFacts): Move {
  const used = tokens === undefined ? {} : { used: tokens };
  return {
    to: "SUCCEEDED",
    fence,
    settle: "complete",
    ...used,
    consumed,
    set: {},
    event: { type: "completed", facts },
  };
}

/** What earlier runs of a task and one more consumed together. */
export const sumOf = (before: Consumed | undefined, run: Consumed): Consumed =>
  before === undefined
    ? run
    : {
        inputTokens: before.inputTokens + run.inputTokens,
        outputTokens: before.outputTokens + run.outputTokens,
        cacheReadTokens: before.cacheReadTokens + run.cacheReadTokens,
        cacheCreationTokens: before.cacheCreationTokens + run.cacheCreationTokens,
        costUsd: before.costUsd + run.costUsd,
      };

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

/** Whether the engine did not start on that executor. A run begins only when the executor reports its start. */
export const neverStarted = (task: Task, error: Failure): boolean =>
  task.state === "LEASED" && error.category === "ENGINE_CRASH";
