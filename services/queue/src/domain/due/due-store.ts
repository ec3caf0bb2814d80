/** Finds what becomes due because time passes. */
export interface DueStore {
  overdueLeases(count: number): Promise<readonly string[]>;
  dueParked(count: number): Promise<readonly string[]>;
  dueAlarms(count: number): Promise<readonly string[]>;
  /**
   * Tells when something is due next. `seen` of an earlier answer skips everything that was due until then. Without
   * `seen`, nothing is skipped.
   */
  nextDue(seen?: NextDue["seen"]): Promise<NextDue>;
  /**
   * Ended tasks to delete, at most `count`, the oldest first: tasks above the bounds on all, then tasks that are too
   * old.
   */
  expiredEnds(retention: Retention, count: number): Promise<readonly string[]>;
  forgetExecutors(silentMs: number): Promise<void>;
}

export interface NextDue {
  /** For each shard, the time of this check (ms): everything due until then was found. */
  readonly seen: readonly number[];
  /**
   * In how many ms something is due: a task, a gate that opens, the rate of an agent that has refilled. Infinity: none.
   */
  readonly waits: { readonly tasks: number; readonly gates: number; readonly refills: number };
}

/** How many ended tasks are kept, how many bytes they have (spec, log and result), and for how long. */
export interface Retention {
  readonly retentionMs: number;
  readonly maxEnded: number;
  readonly maxEndedBytes: number;
}
