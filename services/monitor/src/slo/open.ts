import type { HeartbeatRequest } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { RedisClient } from "@ccsp/redis-kit";
import type { SignalSource } from "../signals/signal.js";
import { openCountStore } from "./count-store.js";
import type { Objective } from "./domain/objectives.js";
import { sloHandlers } from "./handlers.js";
import { countersOf } from "./messages.js";
import { sloSignals } from "./signals.js";
import { reportSlos } from "./slo-report.js";

export interface OpenSlo {
  readonly handlers: ReturnType<typeof sloHandlers>;
  readonly signals: SignalSource;
  /** Counts what a checked heartbeat says of calls and starts. */
  readonly count: (request: HeartbeatRequest, now: Date) => Promise<void>;
}

export function openSlo(redis: RedisClient, objectives: readonly Objective[]): OpenSlo {
  const store = openCountStore(redis);
  const report = (now: Date) => reportSlos(store, objectives, now);
  return {
    handlers: sloHandlers(report),
    signals: sloSignals(report),
    async count(request, now) {
      if (!request.report) return;
      const { service, instance, bootId, uptime } = request.report;
      const source = { service, instance, bootId, uptimeMs: durationMs(uptime) };
      await store.take(source, countersOf(request), now);
    },
  };
}
