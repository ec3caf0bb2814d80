import type { Handlers } from "@ccsp/grpc-kit";
import type { GetGlobalMetricsResponse, HeartbeatRequest } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { checkHeartbeat } from "./check-heartbeat.js";

export interface FleetHandlerOptions {
  readonly take: (request: HeartbeatRequest) => Promise<void>;
  readonly read: () => Promise<GetGlobalMetricsResponse>;
  readonly watch: (signal: AbortSignal) => AsyncIterable<GetGlobalMetricsResponse>;
}

export const fleetHandlers = ({
  take,
  read,
  watch,
}: FleetHandlerOptions): Pick<
  Handlers<typeof MonitorServiceService>,
  "heartbeat" | "getGlobalMetrics" | "watchMetrics"
> => ({
  heartbeat: async (request, { identity }) => {
    checkHeartbeat(request, identity?.kind === "service" ? identity.subject : undefined);
    await take(request);
    return {};
  },
  getGlobalMetrics: () => read(),
  watchMetrics: async function* (_request, { signal }) {
    for await (const metrics of watch(signal)) yield { metrics };
  },
});
