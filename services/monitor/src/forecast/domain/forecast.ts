import { mean, quantile } from "simple-statistics";
import { HOUR_MS } from "../../usage/domain/usage-store.js";
import { backtest, bestOf, FEWEST_TESTS, type Score } from "./backtest.js";
import { type History, STEP_MS, STEPS_PER_HOUR } from "./history.js";
import { fitLine, MODELS, type ModelName, type Path, type Trend, totalOf } from "./models.js";

/** The share of the cases in which the usage is meant to be within the band. docs/usage.md says what was measured. */
export const BAND_SHARE = 0.8;

export interface Forecast {
  readonly state: "known";
  /** Usage counts up to this time, in ms. The first step of the path begins here. */
  readonly from: number;
  /** How long the forecast looks ahead. */
  readonly horizonMs: number;
  /** From then on, the next step is known, and so a newer forecast. */
  readonly validUntil: number;
  /** The expected usage within the horizon. */
  readonly expected: number;
  /** The band: about BAND_SHARE of what comes lies between the two. */
  readonly low: number;
  readonly high: number;
  readonly ratePerHour: number;
  readonly trend: Trend;
  /** One minus the error as a share of what was used, at least 0. */
  readonly confidence: number;
  readonly model: ModelName;
  readonly path: Path;
  /** How all models did at this horizon. */
  readonly scores: readonly Score[];
}

/** There is too little usage to say anything. */
export interface NoForecast {
  readonly state: "too-little-data";
  readonly from: number;
  readonly horizonMs: number;
  /** What is missing, for people. */
  readonly reason: string;
}

/**
 * Forecasts the usage of the next `ahead` steps with the model that would have had the smallest error in the last day.
 * Never throws for a history of finite numbers, and never expects a negative usage.
 */
export function forecast(history: History, ahead: number): Forecast | NoForecast {
  const { end: from, steps } = history;
  const horizonMs = ahead * STEP_MS;
  const scores = backtest(history, ahead);
  const best = bestOf(scores);
  const view = { history, seen: steps.length };
  const path = best && MODELS[best.model](view, ahead);
  if (best === undefined || path === undefined || scores.every(({ model }) => model !== "linear"))
    return { state: "too-little-data", from, horizonMs, reason: reasonOf(history, ahead) };
  const expected = totalOf(path, ahead);
  return {
    state: "known",
    from,
    horizonMs,
    validUntil: from + STEP_MS,
    expected,
    ...bandOf(best, expected, ahead),
    ratePerHour: (expected * HOUR_MS) / horizonMs,
    trend: fitLine(view)?.trend ?? "stable",
    confidence: Math.max(0, 1 - (best.relativeError ?? 1)),
    model: best.model,
    path,
    scores,
  };
}

/**
 * How much wider the band is than the errors of one test that overlaps no other. Tests that overlap make nearly the same
 * error, and the model was chosen for its small errors, so what comes differs more than what was tested. It was chosen
 * on generated usage, and measured on other usage (docs/usage.md).
 */
const WIDER = 0.75;

/**
 * The quantiles of the errors that the model made in the last day, made wider where few tests are independent. Usage
 * varies more where there is more of it, so errors count in units of the root of what was expected, as those of counts
 * do.
 */
function bandOf({ tests }: Score, expected: number, ahead: number): Pick<Forecast, "low" | "high"> {
  const usual = mean(tests.map(({ actual }) => actual)) / 10;
  const unit = (of: number): number => Math.sqrt(of + usual) || 1;
  const errors = tests.map((test) => (test.actual - test.expected) / unit(test.expected));
  const tail = (1 - BAND_SHARE) / 2;
  const wider = 1 + WIDER / Math.sqrt(1 + tests.length / ahead);
  const at = (share: number): number => expected + quantile(errors, share) * wider * unit(expected);
  return { low: Math.max(0, Math.min(expected, at(tail))), high: Math.max(expected, at(1 - tail)) };
}

function reasonOf({ steps }: History, ahead: number): string {
  if (steps.length === 0) return "there is no usage in the last two weeks";
  const needed = STEPS_PER_HOUR + ahead + FEWEST_TESTS - 1;
  const minutes = (of: number): number => (of * STEP_MS) / 60_000;
  return `there is usage of ${minutes(steps.length)} minutes, and this forecast needs ${minutes(needed)}`;
}
