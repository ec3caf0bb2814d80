import type { Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService, UsageRow } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { Usage } from "../domain/run.js";
import { reportUsage } from "../domain/usage-report.js";
import type { UsageStore } from "../domain/usage-store.js";

export function monitorHandlers(store: UsageStore): Handlers<typeof MonitorServiceService> {
  return {
    getUsage: async ({ agentId, startTime, endTime }) => {
      const usage = await reportUsage(store, { agent: agentId, start: startTime, end: endTime }, new Date());
      return { rows: usage.map(toRow) };
    },
  };
}

function toRow({ agent, model, runs, failedRuns, tokens, costMicroUsd, runsWithoutCost }: Usage): UsageRow {
  return {
    agentId: agent,
    model,
    runs,
    failedRuns,
    usage: {
      inputTokens: tokens.input,
      outputTokens: tokens.output,
      cacheReadTokens: tokens.cacheRead,
      cacheCreationTokens: tokens.cacheCreation,
    },
    costUsd: Number(costMicroUsd) / 1e6,
    runsWithoutCost,
  };
}
