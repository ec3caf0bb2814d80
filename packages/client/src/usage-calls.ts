import { GetMyForecastRequest, GetMyUsageRequest } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { type BudgetStanding, toBudgetStanding } from "./budgets.js";
import type { Caller, CallSettings } from "./caller.js";
import { answered } from "./errors.js";
import { toRequest } from "./fields.js";
import type { Agent } from "./follow.js";
import { FORECAST_QUERY, type Forecast, type ForecastSettings, toForecast } from "./forecast.js";
import { toUsageReport, USAGE_QUERY, type UsageReport, type UsageSettings } from "./usage.js";

/** What the agent's own tasks used, may use and will use. */
export interface UsageCalls {
  /** What the agent's tasks used: runs, tokens, cost and times. Without settings: in the last 24 hours, by model. */
  usage(settings?: UsageSettings): Promise<UsageReport>;
  /** Forecasts the agent's usage. Without settings: tokens, one hour ahead. */
  forecast(settings?: ForecastSettings): Promise<Forecast>;
  /**
   * The budgets that the agent itself holds, sorted by name. Those of labels, models, engines, accounts and of everybody
   * are not among them.
   */
  budgets(settings?: CallSettings): Promise<readonly BudgetStanding[]>;
}

export function createUsageCalls(
  agent: Pick<Agent, "getMyUsage" | "getMyForecast" | "getMyBudgets">,
  caller: Pick<Caller, "unary">,
): UsageCalls {
  return {
    async usage({ startTime, endTime, groupBy, ...settings } = {}) {
      const request = GetMyUsageRequest.fromPartial(toRequest({ startTime, endTime, groupBy }, USAGE_QUERY));
      return toUsageReport(await caller.unary(settings, (options) => agent.getMyUsage(request, options)));
    },

    async forecast({ metric, horizonMs, ...settings } = {}) {
      const request = GetMyForecastRequest.fromPartial(toRequest({ metric, horizonMs }, FORECAST_QUERY));
      const { forecast } = await caller.unary(settings, (options) => agent.getMyForecast(request, options));
      return toForecast(answered(forecast, "a forecast"));
    },

    async budgets(settings = {}) {
      const { budgets } = await caller.unary(settings, (options) => agent.getMyBudgets({}, options));
      return budgets.map(toBudgetStanding);
    },
  };
}
