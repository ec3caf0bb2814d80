import { CallerBounds, implement } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Logger } from "pino";
import { openCache } from "./cache/open-cache.js";
import { createTaskCache } from "./cache/task-cache.js";
import { defineQueue, type QueueConfig } from "./config.js";
import { openConversations } from "./conversations/open-conversations.js";
import { createApplication } from "./create-application.js";
import { type ReaperDeps, reap, reapDue } from "./domain/due/reaper.js";
import { createEmergencyStop } from "./domain/emergency/emergency-stop.js";
import { createGates } from "./domain/gates/gate-keeper.js";
import { boundsOfShard } from "./domain/intake/bounds.js";
import { createSync } from "./domain/leases/sync.js";
import { createMoves } from "./domain/lifecycle/moves.js";
import { createQueue } from "./domain/lifecycle/queue.js";
import { orderOfShard } from "./domain/order/order.js";
import { queueHandlers } from "./grpc/handlers.js";
import { openLimits } from "./limits/open-limits.js";
import { GATE_NAMES } from "./messages/words.js";
import { observeQueue, readStarts } from "./metrics.js";
import { openStorage, type Storage } from "./open-storage.js";
import { openSubmissions } from "./open-submissions.js";
import { startReaping } from "./reap-loop.js";
import { openSchedules } from "./schedules/open-schedules.js";
import { measureQueue, showTargets } from "./status-metrics.js";
import { createTaskIds } from "./task-id.js";

const REAP_EVERY_MS = 1_000;
/** Calls of Sync are frequent, and they belong to no task. */
const UNTRACED = { untraced: ["sync"] } as const;

export const queueService: ServiceDefinition<QueueConfig> = {
  name: "queue",
  summary: "QueueService: tasks, their order, leases, logs and results",
  define: defineQueue,

  async start(config, { open, log, stopping, registry, heartbeat, serveOps, serveGrpc }) {
    const { shards, engines, leaseMs, callerUnreadBytes } = config;
    const storage = await openStorage(config, { open, log, stopping, registry });
    const { redis, wakes, store, clock } = storage;
    measureQueue(registry, store);
    showTargets(registry);
    heartbeat.add(async () => ({ starts: await readStarts(registry) }));

    // Each shard gets an equal share of a bound on all tasks.
    const share = (bound: number): number => Math.ceil(bound / shards);
    const order = orderOfShard(config.order, shards);
    const observer = observeQueue(registry);
    const retry = { baseMs: config.retryBaseMs, random: Math.random, refusals: config.refusals };
    const gates = createGates(store, { rampMs: config.gateRampMs, names: GATE_NAMES });
    const bounds = boundsOfShard(config.bounds, shards);
    const moves = createMoves({ store, observer }, { bounds, order });
    const queue = createQueue({ store, moves, gates, observer }, { bounds, retry, order });
    const emergency = createEmergencyStop({ store, queue, wakes });
    const { limits: setLimits, order: orderNow } = await open(
      "limits",
      openLimits({
        redis: redis.client,
        settings: config.order,
        engines,
        shards,
        ranges: config.limitRanges,
        tasks: store,
        wakes,
        clock,
        log,
      }),
    );
    const sync = createSync(
      { store, queue, waitingExecutors: storage.waitingExecutors, observer },
      { leaseMs, engines, order: orderNow, stopping },
    );

    await serveOps({ redis: () => redis.ping() });
    await open("reaper", startReaper(config, { store, queue, moves, wakes, share, log }));

    const limits = { maxPromptBytes: config.maxPromptBytes, engines };
    const now = () => clock.now();
    const answers = await open("cache", openCache(config.cache, { redis: redis.client, now, registry, log }));
    const cache = createTaskCache(answers, { ...config.cache, now });
    const conversations = openConversations(config.conversations, { redis: redis.client, tasks: store, share });
    const newId = createTaskIds(shards);
    const submissions = await openSubmissions(
      config.overload,
      { open, registry, redis },
      { queue, limits, newId, cache, conversations },
    );
    const { replicas, room } = storage;
    const { enqueue } = submissions;
    const { schedules } = await open(
      "schedules",
      openSchedules({ redis: redis.client, replicas, room, wakes, enqueue, registry, log }),
    );

    const handlers = queueHandlers({
      queue,
      sync,
      gates,
      emergency,
      store,
      wakes,
      limits,
      submissions,
      conversations,
      clock,
      schedules,
      setLimits,
      ...createApplication({ store, queue, moves, order: orderNow, limits, cache, conversations }),
    });
    const callers = new CallerBounds({ unreadBytes: callerUnreadBytes });
    await serveGrpc([implement(QueueServiceService, handlers, UNTRACED)], { callers });
  },
};

interface ReaperOptions extends Omit<ReaperDeps, "store">, Pick<Storage, "store" | "wakes"> {
  readonly share: (bound: number) => number;
  readonly log: Logger;
}

function startReaper(config: QueueConfig, { store, wakes, share, log, ...deps }: ReaperOptions) {
  const { leaseMs, retentionMs } = config;
  const retention = { retentionMs, maxEnded: share(config.maxEnded), maxEndedBytes: share(config.maxEndedBytes) };
  return startReaping(
    {
      async whole() {
        await store.noticeOutage(leaseMs);
        await reap({ store, ...deps }, retention);
      },
      async due(due) {
        if (due.tasks) await store.noticeOutage(leaseMs);
        await reapDue({ store, ...deps }, due);
      },
      next: (seen) => store.nextDue(seen),
    },
    { everyMs: REAP_EVERY_MS, wakes, log },
  );
}
