import type { CategoryName, SourceName } from "@ccsp/errors";

/**
 * The states of a task, and the changes between them:
 *
 *     SCHEDULED ─▶ QUEUED ─▶ LEASED ─▶ RUNNING ─▶ SUCCEEDED | FAILED
 *                    ▲         │          │
 *                    │◀────────┴──────────┤  lease given back or lost
 *                    └────── PARKED ◀─────┘  failed, will be tried again at a time
 *
 * A cancel ends a SCHEDULED, QUEUED or PARKED task at once. A LEASED or RUNNING task becomes CANCELLING, then
 * CANCELLED. A task whose first run did not start by its deadline ends as EXPIRED.
 */
export const STATES = [
  "SCHEDULED",
  "QUEUED",
  "PARKED",
  "LEASED",
  "RUNNING",
  "CANCELLING",
  "SUCCEEDED",
  "FAILED",
  "CANCELLED",
  "EXPIRED",
] as const;
export type State = (typeof STATES)[number];

/** Whether an executor has the task. */
export const isHeld = (state: State): boolean => state === "LEASED" || state === "RUNNING" || state === "CANCELLING";

/** Whether the task has ended. Only RetryTask takes a task out of such a state. */
export const isEnded = (state: State): boolean =>
  state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED" || state === "EXPIRED";

/** The priority classes, the most urgent first. */
export const CLASSES = ["urgent", "high", "normal", "low"] as const;
export type PriorityClass = (typeof CLASSES)[number];

/** Why a run failed. */
export interface Failure {
  readonly category: CategoryName;
  readonly message: string;
  readonly retryable: boolean;
  readonly source: SourceName;
  readonly retryAfterMs?: number;
}

/** What runs consumed, as far as engines said it. */
export interface Consumed {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheCreationTokens: number;
  readonly costUsd: number;
}

/** How failed runs of a task are tried again, when its agent has set this. */
export interface TaskRetry {
  readonly baseMs?: number;
  readonly maxMs?: number;
  /** Categories after which it is not tried again. */
  readonly never?: readonly CategoryName[];
}

/** A task as it is stored. Times are ms since 1970 on the clock of Redis. An absent time has not come yet. */
export interface Task {
  readonly id: string;
  readonly agent: string;
  readonly engine: string;
  readonly class: PriorityClass;
  readonly state: State;
  /** The bound on attempts: the failure that makes `spent` reach it is final. */
  readonly max: number;
  readonly created: number;
  /** Bytes of the spec and of this record at acceptance. The bounds count them. */
  readonly size: number;
  /** The requested start time, from which its age counts. Absent: it counts from `created`. */
  readonly since?: number;
  /** The time by which its first run has to start. */
  readonly deadline?: number;
  /** The executor that it waits for, and for how many ms from `created`. No `pinMs`: it waits forever. */
  readonly pin?: string;
  readonly pinMs?: number;
  /** The executor that it waits for after that, in the same way. */
  readonly nextPin?: string;
  readonly nextPinMs?: number;
  /** In the form of `labelName`. */
  readonly labels?: readonly string[];
  /** The model that it asks for, in the form of `labelName`. Absent: it asks for none, or 0.3.0 accepted it. */
  readonly model?: string;
  readonly retry?: TaskRetry;
  /** Why a QUEUED task is not in a waiting line: the scope of a label or of its model, `late` or `broken`. */
  readonly blocked?: string;
  /** When its turn had come last and something of its labels or model kept it from starting, by what that was. */
  readonly deferred?: Readonly<Partial<Record<"GATE" | "BUDGET_EXHAUSTED" | "CAP", number>>>;
  /** The encoded `TaskSpec` without the prompts. The domain does not read it. */
  readonly spec: string;
  /** The key under which its answer is cached. Absent: it is not cached. */
  readonly cacheKey?: string;
  /** W3C trace context of its span `task`, whose ids are given out at its acceptance and used at its end. */
  readonly trace?: string;
  /**
   * W3C trace context of the call that accepted it or put it back: the parent of its span, or a link in another trace.
   * Absent with a `trace`: 0.3.0 accepted it, `trace` is that call's context, and there is no span `task`.
   */
  readonly parent?: string;
  /** W3C trace contexts of the span `task` before it was put back, and of the turn that it continues. */
  readonly before?: string;
  readonly follows?: string;
  /** When it was put back by RetryTask. Absent: its span begins at `created`. */
  readonly began?: number;
  /** When it came back to the queue after an attempt. Absent: it did not yet. */
  readonly returned?: number;
  /** The numbers of the log entries that its span shows as events: the first 20 and the last 80. `noted`: how many. */
  readonly notes?: readonly number[];
  readonly noted?: number;
  /** What its failed runs consumed. */
  readonly consumed?: Consumed;
  /** What the attempt under way has used so far: an encoded `UsageSoFar`. The domain does not read it. */
  readonly usageSoFar?: string;
  /** Runs that started. */
  readonly attempt?: number;
  /** Runs that count against `max`. Runs that met a limit of the provider or were given back do not count. */
  readonly spent?: number;
  /** Runs that met a limit of the provider. */
  readonly limited?: number;
  /**
   * Limited runs that have a budget (see `RefusalBudget`), and how long the task waited after them in total (ms).
   * Absent in records of the previous release.
   */
  readonly refused?: number;
  readonly refusedMs?: number;
  /** Leases that were lost before a run started. */
  readonly deliveries?: number;
  /** The newest lease: its fence, holder and time. */
  readonly fence?: number;
  readonly executor?: string;
  readonly boot?: string;
  /** The login that its runs use. */
  readonly account?: string;
  /** The login had a bound on concurrent runs when the task was leased, because its provider was overloaded. */
  readonly bound?: boolean;
  readonly leased?: number;
  /** Tokens that its agent was charged for the newest lease, and the agent's weight then. */
  readonly charged?: number;
  readonly weight?: number;
  /** Number of the last report under `fence`. */
  readonly reports?: number;
  /** The fence under which the newest run started. */
  readonly ran?: number;
  readonly started?: number;
  /** W3C trace context of the newest run. */
  readonly previous?: string;
  /** The last fence that was used up, and the call that did it: `<fence> complete | fail | release`. */
  readonly settled?: string;
  /** When a PARKED or SCHEDULED task becomes ready. */
  readonly ready?: number;
  readonly ended?: number;
  /** Bytes of its result. */
  readonly resultBytes?: number;
  /** The name of its result that is stored in chunks. Absent: the result is in one piece. */
  readonly chunks?: string;
  /** Bytes that are stored of it after its end. The retention by size counts them. */
  readonly kept?: number;
  /** Reason of the cancel. */
  readonly cancel?: string;
  readonly error?: Failure;
}
