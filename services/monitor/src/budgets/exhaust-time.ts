import { exhaustTime } from "../forecast/domain/exhaust.js";
import type { Metric } from "../forecast/domain/history.js";
import type { Forecasts } from "../forecast/forecasts.js";
import { type Budget, type Standing, usageByOne } from "./domain/budget.js";

/** Predicts when a budget is used up. Undefined: not in this period, or it is not known. */
export type ExhaustTimeOf = (standing: Standing, now: Date) => Promise<Date | undefined>;

const METRIC: Readonly<Record<Budget["unit"], Metric>> = { usd: "cost", tokens: "tokens", requests: "requests" };

/** Predicts it from the forecast of the holder's usage. */
export const exhaustTimeBy =
  (forecasts: Forecasts): ExhaustTimeOf =>
  async ({ budget: { holder, unit, limit }, used, period: { endMs } }, now) => {
    const metric = METRIC[unit];
    const { forecast } = await forecasts.of(usageByOne(holder), metric, now);
    // Forecasts of cost are in micro-dollars.
    const unitSize = unit === "usd" ? 1e6 : 1;
    const budget = { used: used * unitSize, limit: limit * unitSize, periodEnd: endMs };
    const found = exhaustTime(budget, forecast, now.getTime());
    return found.state === "runs-out" ? new Date(Math.round(found.expected)) : undefined;
  };
