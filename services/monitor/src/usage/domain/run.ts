import type { Tokens } from "@ccsp/prices";

/** How an attempt ended. */
export type Outcome = "succeeded" | "failed" | "cancelled";

/** It met a limit of the provider, or its cause is one that no rule of the engine knows. */
export type Failure = "limited" | "unclassified";

/** The dimensions by which usage is counted, in the order of a stored row. */
export const DIMENSIONS = ["agent", "engine", "account", "model", "priority", "label"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** A value for each dimension. Empty means that it is not known, or that there is none. */
export type Row = Readonly<Record<Dimension, string>>;

export const NO_ROW: Row = { agent: "", engine: "", account: "", model: "", priority: "", label: "" };

/** What is counted instead of a value that has no row of its own. */
export const OTHER = "other";
export const OTHER_ROW: Row = {
  agent: OTHER,
  engine: OTHER,
  account: OTHER,
  model: OTHER,
  priority: OTHER,
  label: OTHER,
};

/**
 * One ended attempt, with the numbers to count. All numbers are integers. Money is in micro-dollars, so that sums are
 * exact. An undefined number is not known, which is different from zero.
 */
export interface Run {
  /** Runs with the same id count once. */
  readonly id: string;
  /** The partition of the event stream that reported it. Its counts and its own event are on the same one. */
  readonly partition: number;
  /** Empty for work that no task did. */
  readonly taskId: string;
  readonly traceparent: string;
  /** The number of the attempt of its task. Undefined: it is not known, or no task did the work. */
  readonly attempt?: number | undefined;
  readonly endTime: Date;
  readonly row: Row;
  /** All labels of the task. The row has only those by which usage is counted. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly outcome: Outcome;
  /** What is counted of why a run failed. Undefined: another reason, or it did not fail. */
  readonly failure?: Failure | undefined;
  readonly tokens: Tokens | undefined;
  readonly costMicroUsd: number | undefined;
  readonly runMs: number | undefined;
  readonly waitMs: number | undefined;
}

/** The id of the run that gave a task its result. */
export const resultId = (taskId: string): string => `${taskId} result`;

/** The id of a run of a task that gave no result. */
export const attemptId = (taskId: string, attempt: number): string => `${taskId} ${attempt}`;

/** The task of a run with this id. Empty for work that no task did: its id begins with `outside`, and has two spaces. */
export const taskOf = (id: string): string => /^(\S+) \S+$/.exec(id)?.[1] ?? "";

/**
 * These limits are higher than the cost, the tokens and the time of any real run. A higher number comes from a broken
 * engine, and would hide the usage of others in the sums.
 */
export const MOST_USD = 1e6;
export const MOST_TOKENS = 1e12;
export const MOST_MS = 366 * 86_400_000;

/** Converts a price from an engine to micro-dollars. Returns undefined if it is not a valid price. */
export function microUsd(usd: number | undefined): number | undefined {
  if (usd === undefined || !(usd >= 0 && usd <= MOST_USD)) return undefined;
  return Math.round(usd * 1e6);
}

/** Returns the time in whole milliseconds, or undefined if it cannot be the time of a run. */
export function knownMs(ms: number | undefined): number | undefined {
  return ms !== undefined && ms >= 0 && ms <= MOST_MS ? Math.round(ms) : undefined;
}
