/** Finds what time alone makes due. */
export interface DueStore {
  overdueLeases(count: number): Promise<readonly string[]>;
  dueParked(count: number): Promise<readonly string[]>;
  dueAlarms(count: number): Promise<readonly string[]>;
  /** When something is due next that was not due when the answer before, with its `seen`, was given; all when absent. */
  nextDue(seen?: NextDue["seen"]): Promise<NextDue>;
  /** Ended tasks to forget, at most `count`, the oldest first: above the bounds on all of them, then those that are too old. */
  expiredEnds(retention: Retention, count: number): Promise<readonly string[]>;
  forgetExecutors(silentMs: number): Promise<void>;
}

export interface NextDue {
  /** Until when each shard has been looked at. */
  readonly seen: readonly number[];
  /** In how many ms something is due: of tasks, a gate that opens, an agent's rate that has refilled; Infinity for none. */
  readonly waits: { readonly tasks: number; readonly gates: number; readonly refills: number };
}

/** How many ended tasks are kept, how many bytes they have (spec, log and result), and for how long. */
export interface Retention {
  readonly retentionMs: number;
  readonly maxEnded: number;
  readonly maxEndedBytes: number;
}
