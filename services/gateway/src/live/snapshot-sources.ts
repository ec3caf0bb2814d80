import type { Client } from "@ccsp/grpc-kit";
import { ListAlertsRequest } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { ListUsageWindowsRequest } from "@ccsp/protos/ccsp/monitor/v1/windows.js";
import { ForecastMetric } from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { toJson } from "@ccsp/protos/json.js";
import type { Executors } from "../executors/executors.js";
import type { QueueClient } from "../upstream/task-watch.js";
import type { SnapshotSource } from "./snapshots.js";
import type { SnapshotTopic } from "./topics.js";

export interface SnapshotServices {
  readonly queue: Pick<QueueClient, "getStatus">;
  readonly executors: Pick<Executors, "list">;
  readonly monitor: Pick<
    Client<MonitorServiceService>,
    "listUsageWindows" | "listBudgets" | "getForecast" | "listAlerts" | "getGlobalMetrics"
  >;
}

const SECOND_MS = 1_000;
/** The most that the monitor gives on a page. */
const ALERTS = 500;

/** The state of each topic is the answer of the RPC that needs the same scope. That of `usage` has three of them. */
export function snapshotSources({
  queue,
  executors,
  monitor,
}: SnapshotServices): Readonly<Record<SnapshotTopic, SnapshotSource>> {
  const soon = { timeoutMs: 3 * SECOND_MS };
  const json = (typeName: string, message: object): object => Object(toJson(typeName, message));
  return {
    queue: {
      everyMs: SECOND_MS,
      load: async () => json("ccsp.queue.v1.GetStatusResponse", await queue.getStatus({}, soon)),
    },
    executors: {
      everyMs: 2 * SECOND_MS,
      load: async () => json("ccsp.gateway.v1.ListExecutorsResponse", { executors: await executors.list(soon) }),
    },
    usage: {
      everyMs: 5 * SECOND_MS,
      async load() {
        const [windows, budgets, forecast] = await Promise.all([
          monitor.listUsageWindows(ListUsageWindowsRequest.fromPartial({}), soon),
          monitor.listBudgets({ agentId: "" }, soon),
          monitor.getForecast({ metric: ForecastMetric.TOKENS, filter: undefined, horizon: undefined }, soon),
        ]);
        return {
          ...json("ccsp.monitor.v1.ListUsageWindowsResponse", windows),
          ...json("ccsp.monitor.v1.ListBudgetsResponse", budgets),
          ...json("ccsp.monitor.v1.GetForecastResponse", forecast),
        };
      },
    },
    alerts: {
      everyMs: 2 * SECOND_MS,
      load: async () =>
        json(
          "ccsp.monitor.v1.ListAlertsResponse",
          await monitor.listAlerts(ListAlertsRequest.fromPartial({ pageSize: ALERTS }), soon),
        ),
    },
    health: {
      everyMs: 2 * SECOND_MS,
      load: async () => json("ccsp.monitor.v1.GetGlobalMetricsResponse", await monitor.getGlobalMetrics({}, soon)),
    },
  };
}
