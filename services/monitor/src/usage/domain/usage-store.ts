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
  /** The counters to which runs were added by name, such as those of budgets. */
  readCounters(): Promise<ReadonlyMap<string, Counts>>;
  dropCounters(names: readonly string[]): Promise<void>;
  /** The statistics per agent and day, of one agent or, with "", of all, in any order. */
  readAgents(days: readonly number[], agent: string): AsyncIterable<AgentDay>;
}
