import { parameter } from "../router.js";

const HOUR_MS = 3_600_000;

/** The time ranges that the page offers, with the step of its chart. */
export const RANGES = {
  "24h": { ms: 24 * HOUR_MS, stepMs: HOUR_MS },
  "7d": { ms: 7 * 24 * HOUR_MS, stepMs: 6 * HOUR_MS },
  "30d": { ms: 30 * 24 * HOUR_MS, stepMs: 24 * HOUR_MS },
} as const;
export type RangeName = keyof typeof RANGES;
export const RANGE_NAMES = ["24h", "7d", "30d"] as const satisfies readonly RangeName[];

const DIMENSIONS = ["AGENT", "MODEL", "ACCOUNT", "ENGINE", "PRIORITY", "LABEL"] as const;
export type Dimension = (typeof DIMENSIONS)[number];
/** By what the table sums: a dimension of usage, or time. */
export const GROUPS = ["AGENT", "MODEL", "ACCOUNT", "DAY", "ENGINE", "PRIORITY", "LABEL"] as const;
export const MEASURES = ["cost", "tokens", "runs"] as const;

const chosen = <Name extends string>(name: string, names: readonly Name[]): Name | undefined =>
  names.find((each) => each === parameter(name));

/** What the address asks for. */
export const chosenRange = (): RangeName => chosen("range", RANGE_NAMES) ?? "24h";
export const chosenGroup = (): (typeof GROUPS)[number] => chosen("by", GROUPS) ?? "AGENT";
export const chosenMeasure = (): (typeof MEASURES)[number] => chosen("show", MEASURES) ?? "cost";

/**
 * Start and end of a range, in whole steps, so that the question stays the same while the page is open and its answer
 * can be kept.
 */
export function timesOf(range: RangeName, nowMs: number): { readonly startTime: string; readonly endTime: string } {
  const { ms, stepMs } = RANGES[range];
  const endMs = (Math.floor(nowMs / stepMs) + 1) * stepMs;
  return { startTime: new Date(endMs - ms).toISOString(), endTime: new Date(endMs).toISOString() };
}
