import { linearRegression, linearRegressionLine, mean, sum } from "simple-statistics";
import { HOUR_MS } from "../../usage/domain/usage-store.js";
import { type History, STEP_MS, STEPS_PER_HOUR } from "./history.js";

export const MODEL_NAMES = ["last-rate", "linear", "daily", "weekly"] as const;
export type ModelName = (typeof MODEL_NAMES)[number];

/** The expected usage of the k-th step from now on, from 1. Never negative. */
export type Path = (k: number) => number;

/** What a model sees: the first `seen` steps of a history, and the hours that had ended by then. */
export interface View {
  readonly history: History;
  readonly seen: number;
}

/**
 * Returns the path that the model expects. Undefined when the view is too short for it.
 *
 * @param ahead is the number of steps for which the path is needed
 */
export type Model = (view: View, ahead: number) => Path | undefined;

/** The regression looks at the last two hours. */
const FITTED_STEPS = 2 * STEPS_PER_HOUR;
const FEWEST_STEPS = STEPS_PER_HOUR;
/** A slope below this many of its standard errors may be chance (the t-test at 5 % with 22 degrees of freedom). */
const SIGNIFICANT = 2.07;
const DAY_HOURS = 24;
const WEEK_HOURS = 7 * DAY_HOURS;

export const MODELS: Readonly<Record<ModelName, Model>> = {
  /** The next time is like the last time of the same length. All other models are measured against it. */
  "last-rate": ({ history, seen }, ahead) => {
    const length = Math.min(ahead, seen, FITTED_STEPS);
    if (length === 0) return undefined;
    const rate = mean(history.steps.slice(seen - length, seen));
    return () => rate;
  },

  /** The least-squares line through the last two hours; their mean where the slope may be chance. */
  linear: (view) => {
    const fit = fitLine(view);
    if (fit === undefined) return undefined;
    // A slope of two hours says nothing of tomorrow: after an hour, the line stays where it is.
    return (k) => Math.max(0, fit.at(Math.min(k, STEPS_PER_HOUR)));
  },

  /** The same hour of the last seven days. */
  daily: (view) => seasonal(view, DAY_HOURS, 7),

  /** The same hour of the week, in the last two weeks. */
  weekly: (view) => seasonal(view, WEEK_HOURS, 2),
};

export type Trend = "increasing" | "decreasing" | "stable";

export interface Line {
  readonly trend: Trend;
  /** The value at the k-th step from now on. It may be negative. */
  at(k: number): number;
}

/** Fits a line to the last two hours. Undefined when less than one hour is known. */
export function fitLine({ history, seen }: View): Line | undefined {
  const values = history.steps.slice(Math.max(0, seen - FITTED_STEPS), seen);
  if (values.length < FEWEST_STEPS) return undefined;
  const points = values.map((value, x): [number, number] => [x, value]);
  const fit = linearRegression(points);
  const line = linearRegressionLine(fit);
  const middle = (values.length - 1) / 2;
  const spread = sum(points.map(([x]) => (x - middle) ** 2));
  const left = sum(points.map(([x, value]) => (value - line(x)) ** 2));
  const error = Math.sqrt(left / (values.length - 2) / spread);
  const trend = Math.abs(fit.m) <= SIGNIFICANT * error ? "stable" : fit.m > 0 ? "increasing" : "decreasing";
  if (trend === "stable") {
    const level = mean(values);
    return { trend, at: () => level };
  }
  return { trend, at: (k) => line(values.length - 1 + k) };
}

/** How fast the present level fades into the usual one: to a third in two hours. */
const FADE_STEPS = 2 * STEPS_PER_HOUR;
const MOST_LEVEL = 5;

/**
 * The mean of the same hour in earlier periods, times how much the last two hours differed from what they usually are.
 */
function seasonal({ history, seen }: View, periodHours: number, periods: number): Path | undefined {
  const { hours, end, steps } = history;
  const now = end - (steps.length - seen) * STEP_MS;
  /** The start of `hours[0]`, in hours since 1970. */
  const first = Math.floor(end / HOUR_MS) - hours.length;
  const known = Math.floor(now / HOUR_MS);
  // One period and an hour, so that the values of the edges are known.
  if (known - first < periodHours + 1) return undefined;
  const usual = new Map<number, number>();
  const usualOf = (hour: number): number => {
    let value = usual.get(hour);
    if (value === undefined) {
      const same: number[] = [];
      const back = Math.max(1, Math.ceil((hour - known + 1) / periodHours));
      for (let n = back; n < back + periods && hour - n * periodHours >= first; n++)
        same.push(hours[hour - n * periodHours - first] ?? 0);
      value = same.length === 0 ? Number.NaN : mean(same);
      usual.set(hour, value);
    }
    return value;
  };
  /** Between the middles of two hours, the value changes evenly. */
  const rateAt = (k: number): number => {
    const at = (now + (k - 0.5) * STEP_MS) / HOUR_MS - 0.5;
    const hour = Math.floor(at);
    const [one, two] = [usualOf(hour), usualOf(hour + 1)];
    const [from, to] = [Number.isNaN(one) ? two : one, Number.isNaN(two) ? one : two];
    return (from + (to - from) * (at - hour)) / STEPS_PER_HOUR;
  };
  const looked = Math.min(seen, FITTED_STEPS);
  let [was, used] = [0, 0];
  for (let k = 0; k < looked; k++) {
    used += steps[seen - 1 - k] ?? 0;
    was += rateAt(-k);
  }
  if (!Number.isFinite(was) || !Number.isFinite(rateAt(1))) return undefined;
  // Without this, an hour in which nearly nothing is usual would make any usage a large factor.
  const damp = mean(hours.slice(-WEEK_HOURS)) / 2;
  const level = was + damp === 0 ? 1 : Math.min(MOST_LEVEL, (used + damp) / (was + damp));
  return (k) => Math.max(0, rateAt(k) * (1 + (level - 1) * Math.exp(-k / FADE_STEPS)));
}

/** What the path expects in the next `steps` steps together. */
export function totalOf(path: Path, steps: number): number {
  let total = 0;
  for (let k = 1; k <= steps; k++) total += path(k);
  return total;
}
