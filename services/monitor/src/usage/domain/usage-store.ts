import type { Counts } from "./counts.js";
import type { Dimension, Row, Run } from "./run.js";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** How long counts are kept, by the size of their bucket. */
export const KEPT_MS = { minute: 48 * HOUR_MS, hour: 90 * DAY_MS, day: 731 * DAY_MS, agents: 91 * DAY_MS } as const;

export interface CountedRow {
  readonly row: Row;
  readonly counts: Readonly<Counts>;
}

/** What was counted in one minute, hour or day. */
export interface Bucket {
  /** Its first moment in ms. */
  readonly start: number;
  readonly rows: readonly CountedRow[];
}

export interface AgentDay {
  readonly agent: string;
  /** The day's first moment in ms. */
  readonly day: number;
  readonly lastEndMs: number;
  readonly counts: Readonly<Counts>;
}

/** One attempt, as it was counted. */
export interface CountedAttempt extends CountedRow {
  /** The id of its run. */
  readonly id: string;
  /** Its number. Undefined: it is not known, or no task did the work. */
  readonly attempt: number | undefined;
  readonly endMs: number;
}

/** Whether a run was counted now or before. */
export type Recorded = "ok" | "repeat";

/** Stores usage as sums per minute, hour and day (UTC). Buckets are named by their first moment in ms. */
export interface UsageStore {
  /** Counts a run. Returns "repeat" if it was counted before, and then changes nothing. */
  record(run: Run): Promise<Recorded>;
  /** Returns these buckets in order. A bucket may come in several parts, and a row more than once. */
  read(grain: "hour" | "day", starts: readonly number[]): AsyncIterable<Bucket>;
  /** The same for minutes, of one dimension. The other dimensions of its rows are empty. */
  readMinutes(dimension: Dimension, starts: readonly number[]): AsyncIterable<Bucket>;
  /**
   * The attempts that were counted for this day, a part at a time: partition by partition, in the order in which they
   * were counted. None when they are not kept any more.
   */
  readAttempts(day: number): AsyncIterable<readonly CountedAttempt[]>;
  /** The counters to which runs were added by name, such as those of budgets. */
  readCounters(): Promise<ReadonlyMap<string, Counts>>;
  dropCounters(names: readonly string[]): Promise<void>;
  /** The statistics per agent and day, of one agent or, with "", of all, in any order. */
  readAgents(days: readonly number[], agent: string): AsyncIterable<AgentDay>;
}
