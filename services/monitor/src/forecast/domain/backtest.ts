import { mean, sum } from "simple-statistics";
import { type History, STEPS_PER_HOUR } from "./history.js";
import { MODEL_NAMES, MODELS, type ModelName, totalOf } from "./models.js";

/** Each model is tested with what it would have said at each step of the last day. */
export const TESTED_STEPS = 24 * STEPS_PER_HOUR;
/** Fewer comparisons say nothing of a model. */
export const FEWEST_TESTS = STEPS_PER_HOUR;

/** One comparison: what the model would have said, and what then happened. */
export interface Test {
  readonly expected: number;
  readonly actual: number;
}

/** How well a model would have done in the last day. */
export interface Score {
  readonly model: ModelName;
  readonly tests: readonly Test[];
  /** Mean absolute error. */
  readonly meanError: number;
  /** Mean absolute error as a share of what was used. Undefined: nothing was used. */
  readonly relativeError: number | undefined;
  /**
   * Mean absolute error divided by that of `last-rate` at the same times: below 1 is better than `last-rate` (the mean
   * absolute scaled error, Hyndman and Koehler 2006). Undefined: `last-rate` had no error.
   */
  readonly scaledError: number | undefined;
}

/**
 * Tests all models on a history: at each step of its last day, with what was known then. Models that could not say
 * anything at least FEWEST_TESTS times are left out.
 *
 * @param ahead is the number of steps that are forecast together
 */
export function backtest(history: History, ahead: number): readonly Score[] {
  const { steps } = history;
  const last = steps.length - ahead;
  const first = Math.max(1, last - TESTED_STEPS + 1);
  const tests = new Map<ModelName, Map<number, Test>>(MODEL_NAMES.map((name) => [name, new Map()]));
  for (let seen = first; seen <= last; seen++) {
    const actual = sum(steps.slice(seen, seen + ahead));
    for (const name of MODEL_NAMES) {
      const path = MODELS[name]({ history, seen }, ahead);
      if (path) tests.get(name)?.set(seen, { expected: totalOf(path, ahead), actual });
    }
  }
  const naive = tests.get("last-rate") ?? new Map<number, Test>();
  return MODEL_NAMES.flatMap((model) => {
    const own = tests.get(model) ?? new Map<number, Test>();
    if (own.size < FEWEST_TESTS) return [];
    const meanError = errorOf([...own.values()]);
    const used = mean([...own.values()].map(({ actual }) => actual));
    const other = errorOf([...own.keys()].flatMap((seen) => naive.get(seen) ?? []));
    return {
      model,
      tests: [...own.values()],
      meanError,
      relativeError: used > 0 ? meanError / used : undefined,
      scaledError: other > 0 ? meanError / other : undefined,
    };
  });
}

const errorOf = (tests: readonly Test[]): number =>
  tests.length === 0 ? 0 : mean(tests.map(({ expected, actual }) => Math.abs(actual - expected)));

/** Returns the model with the smallest error. Of equal ones, the one that is listed first. */
export function bestOf(scores: readonly Score[]): Score | undefined {
  return scores.toSorted((a, b) => rankOf(a) - rankOf(b))[0];
}

const rankOf = ({ scaledError, meanError }: Score): number =>
  scaledError ?? (meanError > 0 ? Number.POSITIVE_INFINITY : 1);
