import { EVENT_TYPES, withEventSpan } from "@ccsp/events";
import type { Client } from "@ccsp/grpc-kit";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Gap } from "./domain/gap.js";
import type { Run } from "./domain/run.js";
import type { UsageStore } from "./domain/usage-store.js";
import { fillFromQueue } from "./events/fill-from-queue.js";
import { watchGaps } from "./events/gap-watch.js";
import { runOfEvent } from "./events/run-of-event.js";
import { type UsageHandlers, usageHandlers } from "./handlers.js";
import { withUsageMetrics } from "./metrics.js";
import { countedByPredecessor } from "./redis/legacy-sums.js";
import { createRedisClaimStore } from "./redis/redis-claim-store.js";
import { createRedisGapStore } from "./redis/redis-gap-store.js";
import { createRedisUsageStore } from "./redis/redis-usage-store.js";

/** Writers trim the oldest of 100,000 events, so a look this often sees a group fall behind before it passes the loss. */
const GAP_LOOK_MS = 1_000;

export interface UsageOptions {
  readonly redis: RedisClient;
  readonly queue: Client<QueueServiceService>;
  /** The consumer group that reads the events for usage. */
  readonly group: string;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  readonly maxRows: number;
  readonly allowedLabels: readonly string[];
  /** For how many days each counted attempt is kept. 0: none is. */
  readonly ledgerDays: number;
  /** The time zone whose days are meant when a request names none. */
  readonly timeZone: string;
  /** Says to which counters of budgets a run adds. */
  readonly countersOf: () => Promise<(run: Run) => readonly string[]>;
  readonly registry: Registry;
  readonly log: Logger;
}

export interface Usage {
  readonly store: UsageStore;
  readonly handlers: UsageHandlers;
  /** Notes what is lost, and fills it. To be opened before the events are read. */
  watchGaps(): ReturnType<typeof watchGaps>;
  /** Begins to count the runs of events. Of each event, the function says whether its run counts; undefined: it has none. */
  counting(): (event: Event) => Promise<"ok" | "repeat" | undefined>;
}

/** Usage: its store, its RPCs, and what is done with events. */
export function openUsage(options: UsageOptions): Usage {
  const { redis, queue, group, partitions, maxRows, allowedLabels, ledgerDays, timeZone, countersOf, registry, log } =
    options;
  const store = withUsageMetrics(
    createRedisUsageStore(redis, { partitions, maxRows, ledgerDays, countersOf }),
    registry,
  );
  const gaps = createRedisGapStore(redis, group);
  const gapsIn = async (start: number, end: number): Promise<Gap[]> => {
    const found = await Promise.all(Array.from({ length: partitions }, (_, partition) => gaps.list(partition)));
    return found.flat().filter((gap) => gap.start < end && gap.end >= start);
  };
  return {
    store,
    handlers: usageHandlers({
      store,
      claims: createRedisClaimStore(redis),
      gapsIn,
      allowedLabels,
      ledgerDays,
      timeZone,
    }),

    watchGaps() {
      const fill = fillFromQueue({ queue, record: (run) => store.record(run), allowedLabels });
      return watchGaps({ gaps, partitions, fill, log }, GAP_LOOK_MS);
    },

    counting() {
      const startedMs = Date.now();
      return async (event) => {
        const run = runOfEvent(event, allowedLabels);
        if (run === undefined) return undefined;
        // What 0.2.0 counted before the upgrade may be delivered once more.
        const before = run.endTime.getTime() < startedMs && (await countedByPredecessor(redis, event.id, run));
        if (before) return "repeat";
        const type = event.data === undefined ? "" : EVENT_TYPES[event.data.$case];
        return await withEventSpan("usage record", { ...event, type }, () => store.record(run));
      };
    },
  };
}
