import { HOUR_MS, MINUTE_MS } from "../../usage/domain/usage-store.js";

/** Forecasts count usage in steps of five minutes: single minutes say little where a run takes minutes. */
export const STEP_MS = 5 * MINUTE_MS;
export const STEPS_PER_HOUR = HOUR_MS / STEP_MS;

/** What can be forecast. `cost` is in micro-dollars, and `tokens` are all kinds together. */
export const METRICS = ["tokens", "cost", "requests"] as const;
export type Metric = (typeof METRICS)[number];

/** The usage of one metric until `end`, without the time before the first usage. */
export interface History {
  /** The end of the last whole step, in ms. */
  readonly end: number;
  /** Sums per step, the oldest first. The last one ends at `end`. */
  readonly steps: readonly number[];
  /** Sums per hour (UTC), the oldest first. The last one is the last whole hour at `end`. */
  readonly hours: readonly number[];
}

/** Returns the history, without leading zeros. A number that is not finite or negative counts as zero. */
export function historyOf(end: number, steps: readonly number[], hours: readonly number[]): History {
  const since = (numbers: readonly number[]): number[] => {
    const clean = numbers.map((each) => (Number.isFinite(each) && each > 0 ? each : 0));
    const first = clean.findIndex((each) => each > 0);
    return first === -1 ? [] : clean.slice(first);
  };
  const knownHours = since(hours);
  const knownSteps = since(steps);
  // Zeros count from the first usage on, also when that was before the first step.
  const older = knownHours.length * STEPS_PER_HOUR >= steps.length;
  return {
    end,
    hours: knownHours,
    steps: older ? steps.map((each) => (each > 0 && Number.isFinite(each) ? each : 0)) : knownSteps,
  };
}
