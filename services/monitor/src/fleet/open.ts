import type { Client } from "@ccsp/grpc-kit";
import type { Heartbeat } from "@ccsp/lifecycle";
import { type HeartbeatRequest, InstanceState } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { RedisConnection } from "@ccsp/redis-kit";
import { pause } from "@ccsp/timing";
import type { Logger } from "pino";
import type { SignalSource } from "../signals/signal.js";
import type { Duty } from "../state/leader.js";
import { redisClock } from "../state/redis-clock.js";
import { openState } from "../state/state-store.js";
import type { Patience } from "./domain/health.js";
import { createFleet } from "./fleet.js";
import { globalMetrics } from "./global-metrics.js";
import { fleetHandlers } from "./handlers.js";
import { createMetricsFeed } from "./metrics-feed.js";
import { fleetSignals } from "./signals.js";
import { parseInstance, storedInstance } from "./stored.js";

export interface FleetOptions {
  readonly redis: RedisConnection;
  readonly queue: Pick<Client<typeof QueueServiceService>, "getStatus">;
  /** The monitor's own heartbeat, and how often it is taken. 0: never. */
  readonly own: { readonly heartbeat: Heartbeat; readonly everyMs: number };
  readonly patience: Patience;
  /** Counts the calls of a heartbeat. */
  readonly count: (request: HeartbeatRequest, now: Date) => Promise<void>;
  readonly log: Logger;
}

export interface OpenFleet {
  readonly handlers: ReturnType<typeof fleetHandlers>;
  readonly signals: SignalSource;
  readonly duties: readonly Duty[];
  /** Begins to take the monitor's own heartbeats. */
  start(): { close(): Promise<void> };
}

/** The queue's status may be absent from an answer, so it is not waited for long. */
const QUEUE_MS = 2_000;

export function openFleet({ redis, queue, own, patience, count, log }: FleetOptions): OpenFleet {
  const fleet = createFleet(
    openState({ redis: redis.client, log, part: "fleet", parse: parseInstance, toJson: storedInstance }),
    patience,
  );
  const clock = redisClock(redis.client);
  const signals = fleetSignals(fleet, () => redis.certificates());
  const take = async (request: HeartbeatRequest): Promise<void> => {
    await count(request, new Date());
    if (request.report) await fleet.hear(request.report, await clock());
  };
  const read = async () => {
    const now = await clock();
    const [known, status] = await Promise.all([
      fleet.list(now),
      queue.getStatus({}, { timeoutMs: QUEUE_MS }).catch(() => undefined),
    ]);
    return globalMetrics(known, status, now);
  };
  return {
    handlers: fleetHandlers({ take, read, watch: createMetricsFeed(read) }),
    signals: { ...signals, read: async () => signals.read(await clock()) },
    // Late by at most a tenth of the time after which an instance is late.
    duties: [
      { name: "health of the fleet", everyMs: patience.lateMs / 10, turn: async () => fleet.sweep(await clock()) },
    ],
    start() {
      const stop = new AbortController();
      const beat = async (state?: InstanceState) => {
        try {
          await take(await own.heartbeat.read(state));
        } catch (err) {
          log.warn({ err }, "the monitor's own heartbeat was not taken");
        }
      };
      const beating = (async () => {
        while (own.everyMs > 0 && !stop.signal.aborted) {
          await beat();
          await pause(own.everyMs, stop.signal);
        }
      })();
      return {
        async close() {
          stop.abort();
          await beating;
          if (own.everyMs > 0) await beat(InstanceState.STOPPED);
        },
      };
    },
  };
}
