import type { UsageFilter } from "../usage/domain/usage-report.js";
import { type Forecast, forecast, type NoForecast } from "./domain/forecast.js";
import { type Metric, STEPS_PER_HOUR } from "./domain/history.js";
import type { UsageHistories, UsageHistory } from "./usage-history.js";

/** The most forecasts that are kept until their next step. */
const MOST_KEPT = 2_000;

export interface KnownForecast {
  readonly forecast: Forecast | NoForecast;
  readonly usage: UsageHistory;
}

/** Forecasts usage. Other slices ask it for the usage to come of an agent, a login or a label. */
export interface Forecasts {
  /**
   * Forecasts the usage that matches the filter, which has at most one dimension.
   *
   * @param ahead is the number of steps of five minutes, 1 to 72. The default is an hour.
   */
  of(filter: UsageFilter, metric: Metric, now: Date, ahead?: number): Promise<KnownForecast>;
}

export function createForecasts(histories: UsageHistories): Forecasts {
  // A forecast is made once per step: its tests take milliseconds of the processor.
  const kept = new Map<string, KnownForecast>();
  return {
    of: async (filter, metric, now, ahead = STEPS_PER_HOUR) => {
      const usage = await histories.read(filter, metric, now);
      const key = JSON.stringify([metric, ahead, Object.entries(filter)]);
      const last = kept.get(key);
      const same = last?.usage.history;
      if (last && same?.end === usage.history.end && sameEnds(same.steps, usage.history.steps)) return last;
      const made = { forecast: forecast(usage.history, ahead), usage };
      if (kept.size >= MOST_KEPT) kept.clear();
      kept.set(key, made);
      return made;
    },
  };
}

/** Late events change the newest steps only. */
const sameEnds = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length &&
  a.slice(-STEPS_PER_HOUR).every((value, at) => value === b[b.length - Math.min(STEPS_PER_HOUR, b.length) + at]);
