import { type Forecast, type NoForecast } from "./forecast.js";
import { STEP_MS } from "./history.js";

/** A limit of the same metric as the forecast. */
export interface Limit {
  /** What is used now. */
  readonly used: number;
  readonly limit: number;
  /** When nothing is used again, in ms. */
  readonly periodEnd: number;
}

/**
 * When a limit is reached. `lasts`: not before the period ends. `unknown`: there is too little usage for a forecast.
 * `earliest` is the time if usage is at the upper edge of the forecast's band. A limit that is reached already has both
 * times now.
 */
export type Exhaustion =
  | { readonly state: "unknown" }
  | { readonly state: "lasts"; readonly earliest: number | undefined }
  | { readonly state: "runs-out"; readonly expected: number; readonly earliest: number };

/** A year of steps: no period is longer. */
const MOST_STEPS = (366 * 86_400_000) / STEP_MS;

/**
 * Says when a limit is reached, if usage continues as forecast. Beyond the forecast's horizon, its model continues: the
 * line stays at its level of an hour ahead, and the seasonal models repeat.
 */
export function exhaustTime(limit: Limit, forecast: Forecast | NoForecast, nowMs: number): Exhaustion {
  const { used, periodEnd } = limit;
  if (used >= limit.limit) return { state: "runs-out", expected: nowMs, earliest: nowMs };
  if (forecast.state !== "known") return { state: "unknown" };
  const { path, from, expected, high, horizonMs } = forecast;
  const steps = Math.min(MOST_STEPS, Math.ceil((periodEnd - from) / STEP_MS));
  const surplus = ((high - expected) * STEP_MS) / horizonMs;
  let [atPath, atHigh] = [limit.limit - used, limit.limit - used];
  let earliest: number | undefined;
  for (let k = 1; k <= steps; k++) {
    const start = Math.max(nowMs, from + (k - 1) * STEP_MS);
    const end = Math.min(periodEnd, from + k * STEP_MS);
    if (end <= start) continue;
    const share = (end - start) / STEP_MS;
    const more = path(k) * share;
    const most = more + surplus * share;
    if (earliest === undefined && most >= atHigh) earliest = start + (atHigh / most) * (end - start);
    if (more >= atPath) {
      const when = start + (atPath / more) * (end - start);
      return { state: "runs-out", expected: when, earliest: Math.min(when, earliest ?? when) };
    }
    atPath -= more;
    atHigh -= most;
  }
  return { state: "lasts", earliest };
}
