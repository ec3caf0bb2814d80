import type { CategoryName, SourceName } from "@ccsp/errors";

/**
 * A task's states, and the ways between them:
 *
 *     SCHEDULED ─▶ QUEUED ─▶ LEASED ─▶ RUNNING ─▶ SUCCEEDED | FAILED
 *                    ▲         │          │
 *                    │◀────────┴──────────┤  lease given back or lost
 *                    └────── PARKED ◀─────┘  failed, will be tried again at a time
 *
 * A cancel ends SCHEDULED, QUEUED and PARKED at once, and takes LEASED and RUNNING by way of CANCELLING to CANCELLED. One whose
 * first run did not start by its deadline ends as EXPIRED.
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

/** An executor has it. */
export const isHeld = (state: State): boolean => state === "LEASED" || state === "RUNNING" || state === "CANCELLING";

/** Only RetryTask takes a task out of it. */
export const isEnded = (state: State): boolean =>
  state === "SUCCEEDED" || state === "FAILED" || state === "CANCELLED" || state === "EXPIRED";

/** Classes, the most pressing first. */
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

/** How a task's failed runs are tried again, where its agent has said so. */
export interface TaskRetry {
  readonly baseMs?: number;
  readonly maxMs?: number;
  /** Categories after which it is not tried again. */
  readonly never?: readonly CategoryName[];
}

/** A task as it is stored. Times are ms since 1970 on Redis' clock; what is absent has not happened yet. */
export interface Task {
  readonly id: string;
  readonly agent: string;
  readonly engine: string;
  readonly class: PriorityClass;
  readonly state: State;
  /** Failed runs that are final. */
  readonly max: number;
  readonly created: number;
  /** Bytes of the spec and of this record at acceptance: what the bounds count. */
  readonly size: number;
  /** From when its age counts, if not from `created`: the start time that was asked for. */
  readonly since?: number;
  /** The time by which its first run has to have started. */
  readonly deadline?: number;
  /** The executor that it waits for, and for how many ms from `created`; for ever when absent. */
  readonly pin?: string;
  readonly pinMs?: number;
  /** For whom it waits after that, in the same way. */
  readonly nextPin?: string;
  readonly nextPinMs?: number;
  /** As `labelName` has them. */
  readonly labels?: readonly string[];
  readonly retry?: TaskRetry;
  /** Why a QUEUED task is in no line: a scope of a label, `late` or `broken`. */
  readonly blocked?: string;
  /** What was asked, without the prompts, in the form of the contract; nothing here looks into it. */
  readonly spec: string;
  /** Under which its answer is cached; absent when it is not. */
  readonly cacheKey?: string;
  /** W3C context in which it was accepted. */
  readonly trace?: string;
  /** Runs that started. */
  readonly attempt?: number;
  /** Runs that count against `max`: not those that met a limit of the provider or were given back. */
  readonly spent?: number;
  /** Runs that met a limit of the provider. */
  readonly limited?: number;
  /** Those of them that have a budget, and for how long it waited after them in all (ms); absent in records of the release before. */
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
  /** Leased while its login's runs were bounded since the provider was overloaded. */
  readonly bound?: boolean;
  readonly leased?: number;
  /** Tokens that its agent was charged for the newest lease, and the agent's weight then. */
  readonly charged?: number;
  readonly weight?: number;
  /** Number of the last report under this fence. */
  readonly reports?: number;
  /** Fence under which the newest run started. */
  readonly ran?: number;
  readonly started?: number;
  /** W3C context of the newest run. */
  readonly previous?: string;
  /** What the last used-up fence was used up for: `<fence> complete | fail | release`. */
  readonly settled?: string;
  /** When a PARKED or SCHEDULED task becomes ready. */
  readonly ready?: number;
  readonly ended?: number;
  /** Bytes of its result. */
  readonly resultBytes?: number;
  /** By what name its result is stored in chunks; absent when it is in one piece. */
  readonly chunks?: string;
  /** Bytes that are kept of it since it has ended: what the retention by size counts. */
  readonly kept?: number;
  /** Reason of the cancel. */
  readonly cancel?: string;
  readonly error?: Failure;
}
