import { GetForecastRequest } from "@ccsp/protos/ccsp/monitor/v1/forecast.js";
import {
  type AgentStats,
  GetAgentStatsRequest,
  GetUsageRequest,
} from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { ErrorCategory, type Task, type TaskError, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { ForecastMetric, ForecastState, Trend } from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { Dimension, type UsageRow } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import { numberIn, textIn } from "./read.js";
import type { V1Request, V1Route } from "./route.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MINUTES = 24 * 60;
/** The newest failed tasks that one answer names. */
const MOST_ERRORS = 100;

export const STATS_ROUTES: readonly V1Route[] = [
  {
    method: "GET",
    path: "/stats/usage",
    instead: "GET /api/v2/usage",
    rpcs: ["OperatorService/GetUsage"],
    async handle(request) {
      const minutes = numberIn(request.query, "minutes", { min: 1, max: 90 * DAY_MINUTES, usual: 60 });
      const { rows, startTime, endTime } = await usageOf(request, minutes);
      const byAgent = Object.fromEntries(rows.map((row) => [row.agentId, usageFields([row])]));
      return { data: { minutes, from: startTime, to: endTime, ...usageFields(rows), byAgent } };
    },
  },
  {
    method: "GET",
    path: "/stats/agents",
    instead: "GET /api/v2/usage/agents",
    rpcs: ["OperatorService/GetAgentStats"],
    async handle({ query, operators, call }) {
      const agentId = textIn(query, "agent", 128);
      const { agents } = await operators.getAgentStats(GetAgentStatsRequest.fromPartial({ agentId }), call);
      return { data: { agents: agents.map(agentFields) } };
    },
  },
  {
    method: "GET",
    path: "/stats/errors",
    instead: "GET /api/v2/tasks",
    rpcs: ["OperatorService/ListTasks"],
    async handle({ query, operators, call }) {
      const hours = numberIn(query, "hours", { min: 1, max: 24 * 30, usual: 24 });
      const filter = { createdAfter: new Date(Date.now() - hours * HOUR_MS) };
      const list = ListRequest.fromPartial({ states: [TaskState.FAILED], filter, pageSize: MOST_ERRORS });
      const { tasks, nextPageToken } = await operators.listTasks(list, call);
      const byCategory: Record<string, number> = {};
      for (const { error } of tasks) {
        const category = categoryOf(error);
        byCategory[category] = (byCategory[category] ?? 0) + 1;
      }
      return {
        data: { hours, total: tasks.length, more: nextPageToken !== "", byCategory, errors: tasks.map(errorFields) },
      };
    },
  },
  {
    method: "GET",
    path: "/stats/prediction",
    instead: "GET /api/v2/usage/forecast",
    rpcs: ["OperatorService/GetForecast"],
    async handle({ query, operators, call }) {
      const minutesAhead = numberIn(query, "minutesAhead", { min: 1, max: 7 * DAY_MINUTES, usual: 60 });
      const horizon = toDuration(minutesAhead * MINUTE_MS);
      const metric = ForecastMetric.TOKENS;
      const { forecast } = await operators.getForecast(GetForecastRequest.fromPartial({ metric, horizon }), call);
      if (forecast?.state !== ForecastState.KNOWN)
        return { data: { minutesAhead, known: false, reason: forecast?.reason ?? "" } };
      const { expected, low, high, confidence, trend } = forecast;
      const word = Trend[trend]?.toLowerCase() ?? "";
      return { data: { minutesAhead, known: true, tokens: { expected, low, high }, confidence, trend: word } };
    },
  },
  {
    method: "GET",
    path: "/stats/performance",
    instead: "GET /api/v2/slos",
    rpcs: ["OperatorService/GetUsage", "OperatorService/GetGlobalMetrics"],
    async handle(request) {
      const [{ rows }, { activeRuns, slots }] = await Promise.all([
        usageOf(request, DAY_MINUTES),
        request.operators.getGlobalMetrics({}, request.call),
      ]);
      const runs = sum(rows, (row) => row.runs);
      const averageMs = (total: (row: UsageRow) => number, count: (row: UsageRow) => bigint): number | null =>
        sum(rows, count) === 0 ? null : Math.round(sum(rows, total) / sum(rows, count));
      return {
        data: {
          hours: 24,
          runs,
          successRate: runs === 0 ? null : sum(rows, (row) => row.succeededRuns) / runs,
          averageRunMs: averageMs(
            (row) => durationMs(row.runTime),
            (row) => row.timedRuns,
          ),
          averageWaitMs: averageMs(
            (row) => durationMs(row.queueWait),
            (row) => row.waitedRuns,
          ),
          activeRuns,
          slots,
        },
      };
    },
  },
];

function usageOf({ operators, call }: V1Request, minutes: number) {
  const endTime = new Date();
  const startTime = new Date(endTime.getTime() - minutes * MINUTE_MS);
  const request = GetUsageRequest.fromPartial({ startTime, endTime, groupBy: [Dimension.AGENT], timeZone: "UTC" });
  return operators.getUsage(request, call);
}

const sum = (rows: readonly UsageRow[], of: (row: UsageRow) => number | bigint): number =>
  rows.reduce((total, row) => total + Number(of(row)), 0);

function usageFields(rows: readonly UsageRow[]) {
  return {
    requests: sum(rows, (row) => row.runs),
    succeeded: sum(rows, (row) => row.succeededRuns),
    failed: sum(rows, (row) => row.failedRuns),
    inputTokens: sum(rows, ({ usage }) => usage?.inputTokens ?? 0n),
    outputTokens: sum(rows, ({ usage }) => usage?.outputTokens ?? 0n),
    costUsd: sum(rows, (row) => row.costUsd),
    requestsWithoutCost: sum(rows, (row) => row.runsWithoutCost),
  };
}

function agentFields({ usage, lastRunTime, activeDays }: AgentStats) {
  return { agent: usage?.agentId ?? "", ...usageFields(usage ? [usage] : []), lastRunTime, activeDays };
}

function errorFields({ id, agentId, error, endTime }: Task) {
  return { taskId: id, agent: agentId, category: categoryOf(error), time: endTime };
}

const categoryOf = (error: TaskError | undefined): string =>
  ErrorCategory[error?.category ?? ErrorCategory.UNSPECIFIED].toLowerCase();
