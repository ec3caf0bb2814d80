import type { UsageStore } from "../usage/domain/usage-store.js";
import { createForecasts } from "./forecasts.js";
import { forecastHandlers } from "./handlers.js";
import { createUsageHistories } from "./usage-history.js";

/** The forecasts: their RPC, and what other slices ask of them. */
export function openForecasts(usage: UsageStore) {
  const histories = createUsageHistories(usage);
  const forecasts = createForecasts(histories);
  return { histories, forecasts, handlers: forecastHandlers(forecasts) };
}
