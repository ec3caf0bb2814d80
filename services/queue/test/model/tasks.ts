import type { NewTask } from "../../src/domain/intake/intake-store.js";
import type { Failure, PriorityClass, State } from "../../src/domain/task/task.js";

/** A task as plain data: what the queue promises about it, without the form in which it is stored. */
export interface ModelTask {
  readonly id: string;
  readonly agent: string;
  readonly engine: string;
  readonly labels: readonly string[];
  readonly max: number;
  readonly created: number;
  /** The time from which its age counts. */
  readonly since: number;
  class: PriorityClass;
  state: State;
  attempt: number;
  spent: number;
  limited: number;
  refused: number;
  refusedMs: number;
  deliveries: number;
  fence: number;
  executor: string;
  boot: string;
  /** When the newest lease expires. */
  expires: number;
  /** Whether the run of the newest lease has started. */
  ran: boolean;
  ready: number;
  deadline: number | undefined;
  /** Whether a claim came after its deadline. A clock that is set back later does not let it start again. */
  late: boolean;
  pin: string | undefined;
  pinEnds: number;
  /** The fence of the last lease that was used up, and the call that used it up. */
  settled: string;
  /** The states in its log, and its events, each in order. */
  readonly log: string[];
  readonly events: string[];
}

const DELIVERIES = 20;
const LIMITED = 1_000;
const REFUSALS = { runs: 50, waitMs: 6 * 60 * 60 * 1000 };
const LIMITS: Readonly<Record<string, readonly [firstMs: number, mostMs: number]>> = {
  RATE_LIMIT: [5_000, 300_000],
  USAGE_WINDOW: [300_000, 3_600_000],
  OVERLOADED: [5_000, 300_000],
  SESSION_TIMEOUT: [1_000, 60_000],
};

export const held = ({ state }: ModelTask): boolean => ["LEASED", "RUNNING", "CANCELLING"].includes(state);
const ended = ({ state }: ModelTask): boolean => ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"].includes(state);
export const waits = (task: ModelTask): boolean => !held(task) && !ended(task);
export const holds = (task: ModelTask | undefined, fence: number): task is ModelTask =>
  task !== undefined && held(task) && task.fence === fence;
/** Whether a result under this fence ends the task: it may come after the end of its lease. */
export const takesResult = (task: ModelTask | undefined, fence: number): task is ModelTask =>
  task !== undefined && task.fence === fence && (held(task) || (waits(task) && !task.settled.startsWith(`${fence} `)));

export function accept(task: NewTask, now: number): ModelTask {
  const { start = 0, conditions: { deadline, pin, pinMs = Number.POSITIVE_INFINITY } = {} } = task;
  const later = start > now;
  return {
    id: task.id,
    agent: task.agent,
    engine: task.engine,
    labels: task.labels ?? [],
    max: task.max,
    created: now,
    since: later ? start : now,
    class: task.class,
    state: later ? "SCHEDULED" : "QUEUED",
    attempt: 0,
    spent: 0,
    limited: 0,
    refused: 0,
    refusedMs: 0,
    deliveries: 0,
    fence: 0,
    executor: "",
    boot: "",
    expires: 0,
    ran: false,
    ready: start,
    deadline,
    late: false,
    pin,
    pinEnds: now + pinMs,
    settled: "",
    log: [],
    events: ["enqueued"],
  };
}

function move(task: ModelTask, to: State, { log = true, event }: { log?: boolean; event?: string } = {}): void {
  task.state = to;
  if (log) task.log.push(to);
  if (event !== undefined) task.events.push(event);
}

export function lease(task: ModelTask, lease: Pick<ModelTask, "fence" | "executor" | "boot" | "expires">): void {
  Object.assign(task, lease, { ran: false });
  move(task, "LEASED", { log: false });
}

export function start(task: ModelTask): void {
  if (task.ran) return;
  task.ran = true;
  task.attempt += 1;
  task.events.push("started");
  if (task.state === "LEASED") move(task, "RUNNING");
}

export function complete(task: ModelTask): void {
  task.settled = `${task.fence} complete`;
  move(task, "SUCCEEDED", { event: "completed" });
}

/** When the task may be tried again after this failure. */
export function readyAfter(task: ModelTask, { category, retryAfterMs }: Failure, now: number): number {
  const limit = LIMITS[category];
  const runs = limit ? task.limited + 1 : Math.max(task.attempt, task.spent + 1);
  const [firstMs, mostMs] = limit ?? [1_000, 60_000];
  // For a usage window, the time that the provider names is used as it is. A time of 0, for a window that is open
  // already, counts only after the first such run.
  const named = category === "USAGE_WINDOW" && retryAfterMs !== undefined && (retryAfterMs > 0 || runs === 1);
  if (named) return now + retryAfterMs + 30_000;
  return now + Math.max(Math.min(firstMs * 2 ** (runs - 1), mostMs), retryAfterMs ?? 0);
}

export function fail(task: ModelTask, error: Failure, now: number): void {
  const { category, retryable } = error;
  const ready = readyAfter(task, error, now);
  task.settled = `${task.fence} fail`;
  if (task.state === "CANCELLING") return move(task, "CANCELLED", { event: "cancelled" });
  const unstarted = category === "ENGINE_CRASH" && task.state === "LEASED";
  if (LIMITS[category]) task.limited += 1;
  else if (unstarted) task.deliveries += 1;
  else task.spent += 1;
  const again = retryable || category === "SESSION_TIMEOUT";
  if (!again || task.spent >= task.max || task.limited >= LIMITED || task.deliveries >= DELIVERIES) {
    return move(task, "FAILED", { event: "failed" });
  }
  // A closed window opens at some time. The other limits may never end, so there is a budget for them.
  if (LIMITS[category] && category !== "USAGE_WINDOW") {
    task.refused += 1;
    const spent = task.refused > REFUSALS.runs || task.refusedMs >= REFUSALS.waitMs;
    if (spent) return move(task, "FAILED", { event: "failed" });
    if (category !== "SESSION_TIMEOUT") task.refusedMs += ready - now;
  }
  if (unstarted || category === "SESSION_TIMEOUT") return move(task, "QUEUED", { event: "retried" });
  task.ready = ready;
  move(task, "PARKED", { event: "retried" });
}

export function release(task: ModelTask): void {
  task.settled = `${task.fence} release`;
  if (task.state === "CANCELLING") return move(task, "CANCELLED", { event: "cancelled" });
  move(task, "QUEUED", task.state === "RUNNING" ? { event: "retried" } : {});
}

/** Takes the lease away from a holder that is gone, or does not know of it. */
export function lose(task: ModelTask): void {
  if (task.state === "CANCELLING") return move(task, "CANCELLED", { event: "cancelled" });
  const ran = task.state === "RUNNING";
  if (ran) task.spent += 1;
  else task.deliveries += 1;
  if (task.spent >= task.max || task.deliveries >= DELIVERIES) return move(task, "FAILED", { event: "failed" });
  move(task, "QUEUED", ran ? { event: "retried" } : { log: false });
}

export function cancel(task: ModelTask): void {
  if (ended(task) || task.state === "CANCELLING") return;
  if (held(task)) move(task, "CANCELLING");
  else move(task, "CANCELLED", { event: "cancelled" });
}

/** Only a failed task needs free capacity among the waiting tasks when it is tried again. */
export const failed = ({ state }: ModelTask): boolean => state === "FAILED" || state === "EXPIRED";

/** Puts the task back. Returns false when its state does not allow that. */
export function revive(task: ModelTask): boolean {
  if (task.state === "SUCCEEDED" || task.state === "CANCELLED") return false;
  if (!failed(task)) return true;
  const again = { spent: 0, limited: 0, refused: 0, refusedMs: 0, deliveries: 0, deadline: undefined, late: false };
  Object.assign(task, again);
  move(task, "QUEUED", { event: "retried" });
  return true;
}

export function setPriority(task: ModelTask, priority: PriorityClass): void {
  if (!waits(task) || task.class === priority) return;
  task.class = priority;
  task.log.push(task.state);
}

export const DUE = ["leases", "parked", "alarms"] as const;
export type Due = (typeof DUE)[number];

/** Makes the change that time alone brings, if it is due. */
export function pass(task: ModelTask, due: Due, now: number): void {
  if (due === "leases" && held(task) && task.expires <= now) lose(task);
  if (due === "parked" && (task.state === "PARKED" || task.state === "SCHEDULED") && task.ready <= now) {
    move(task, "QUEUED");
  }
  if (due !== "alarms" || !waits(task)) return;
  if (task.attempt === 0 && (task.deadline ?? Number.POSITIVE_INFINITY) <= now) {
    move(task, "EXPIRED", { event: "expired" });
  } else if (task.pin !== undefined && task.pinEnds <= now) task.pin = undefined;
}
