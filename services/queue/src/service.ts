import { announce } from "@ccsp/discovery";
import { implement, serveGrpc } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { openRedis, redisAway } from "@ccsp/redis-kit";
import { createMetrics, serveOps, watchClockAhead } from "@ccsp/telemetry";
import { createSubmissions } from "./application/submissions.js";
import { openCache } from "./cache/open-cache.js";
import { createTaskCache } from "./cache/task-cache.js";
import { defineQueue, type QueueConfig } from "./config.js";
import { openConversations } from "./conversations/open-conversations.js";
import { reap, reapDue } from "./domain/due/reaper.js";
import { createEmergencyStop } from "./domain/emergency/emergency-stop.js";
import { createGates } from "./domain/gates/gate-keeper.js";
import { boundsOfShard } from "./domain/intake/bounds.js";
import { createBreaker } from "./domain/intake/breaker.js";
import { createIdle } from "./domain/leases/idle.js";
import { createSync } from "./domain/leases/sync.js";
import { createQueue } from "./domain/lifecycle/queue.js";
import { orderOfShard } from "./domain/order/order.js";
import { queueHandlers } from "./grpc/handlers.js";
import { checkMemory, watchMemory } from "./memory-watch.js";
import { observeBreaker, observeQueue, observeSubmissions } from "./metrics.js";
import { startReaping } from "./reap-loop.js";
import { fixFormat } from "./redis/format.js";
import { createMemoryReads } from "./redis/memory.js";
import { openRedisClock } from "./redis/redis-clock.js";
import { createReplicas } from "./redis/replicas.js";
import { replicated, warnOfUnasked } from "./redis/replicated.js";
import { createShards, fixShards } from "./redis/shards.js";
import { openWakes } from "./redis/wakes.js";
import { openSchedules } from "./schedules/open-schedules.js";
import { measureQueue, showTargets } from "./status-metrics.js";
import { startStrainMeter } from "./strain-meter.js";
import { createTaskIds } from "./task-id.js";

const REAP_EVERY_MS = 1_000;
/** It comes by the second and belongs to no task. */
const UNTRACED = { untraced: ["sync"] } as const;

/** The queue: tasks, their order, leases, logs and results. */
export const queueService: ServiceDefinition<QueueConfig> = {
  name: "queue",
  summary: "QueueService: tasks, their order, leases, logs and results",
  define: defineQueue,

  async start(config, { open, log, stopping }) {
    const { service, shards, durability, engines, order, leaseMs, bounds, maxPromptBytes } = config;
    const redis = await open("redis", openRedis(config.redisUrl, { log, name: "queue" }));
    const wakes = await open("wakes", openWakes(await redis.duplicate(), redis.client));
    const idle = await open("idle", createIdle(wakes, engines));
    const shardBounds = boundsOfShard(bounds, shards);
    await fixFormat(redis.client);
    await fixShards(redis.client, shards);
    const { retentionMs } = config;
    const hint = (topic: string) => wakes.hint(topic);
    const { offer } = idle;
    const registry = createMetrics("queue");
    const memoryReads = createMemoryReads(redis.client, shards);
    await checkMemory(memoryReads, config, log);
    const room = await open("memory watch", watchMemory({ reads: memoryReads, registry, log }));
    const local = createShards(redis.client, shards, { engines, bounds: shardBounds, retentionMs, room, hint, offer });
    const replicas = durability === "local" ? undefined : createReplicas(await redis.duplicate(), config.replicas);
    const store = replicas ? replicated(local, replicas) : local;
    if (replicas) await warnOfUnasked(redis.client, config.replicas, log);
    const onAhead = watchClockAhead(registry, { service: "queue", of: "Redis'", log });
    const clock = await open("clock", openRedisClock({ read: () => store.now(""), onAhead }));
    const now = () => clock.now();
    measureQueue(registry, store);
    showTargets(registry);
    const observer = observeQueue(registry);
    const retry = { baseMs: config.retryBaseMs, random: Math.random, refusals: config.refusals };
    const gates = createGates(store, { rampMs: config.gateRampMs });
    // Each shard keeps its share of a bound on all tasks.
    const share = (bound: number): number => Math.ceil(bound / shards);
    const shardOrder = orderOfShard(order, shards);
    const queue = createQueue({ store, gates, observer }, { bounds: shardBounds, retry, order: shardOrder });
    const emergency = createEmergencyStop({ store, queue, wakes });
    const sync = createSync({ store, queue, idle, observer }, { leaseMs, engines, order: shardOrder, stopping });

    const ops = await open(
      "ops",
      serveOps({ listen: service.opsListen, registry, log, checks: { redis: () => redis.ping() } }),
    );
    stopping.addEventListener("abort", () => ops.setDraining(), { once: true });
    const retention = {
      retentionMs,
      maxEnded: share(config.maxEnded),
      maxEndedBytes: share(config.maxEndedBytes),
    };
    await open(
      "reaper",
      startReaping(
        {
          async whole() {
            await store.noticeOutage(leaseMs);
            await reap(store, queue, retention);
          },
          async due(due) {
            if (due.tasks) await store.noticeOutage(leaseMs);
            await reapDue(store, queue, due);
          },
          next: (seen) => store.nextDue(seen),
        },
        { everyMs: REAP_EVERY_MS, wakes, log },
      ),
    );

    const limits = { maxPromptBytes, engines };
    const newId = createTaskIds(shards);
    const answers = await open("cache", openCache(config.cache, { redis: redis.client, now, registry, log }));
    const cache = createTaskCache(answers, { ...config.cache, now });
    const conversations = openConversations(config.conversations, { redis: redis.client, tasks: store, share });
    const meter = await open("strain", startStrainMeter());
    const breaker = createBreaker(config.overload, {
      measure: () => meter.measure(),
      nowMs: () => performance.now(),
      observer: observeBreaker(registry),
      storageAway: () => (redis.answers() ? undefined : redisAway()),
    });
    const admit = () => {
      breaker.pass();
      return meter.begin();
    };
    const submissions = observeSubmissions(
      registry,
      createSubmissions({ queue, limits, newId, admit, cache, conversations }),
    );
    const schedules = await open(
      "schedules",
      openSchedules({
        redis: redis.client,
        replicas,
        room,
        wakes,
        enqueue: submissions.enqueue,
        limits,
        registry,
        log,
      }),
    );
    const handlers = queueHandlers({
      queue,
      sync,
      gates,
      emergency,
      store,
      wakes,
      limits,
      order: shardOrder,
      submissions,
      cache,
      conversations,
      schedules: schedules.handlers,
      clock,
    });
    const { listen, drainMs, lameDuckMs, consulUrl } = service;
    const { callerUnreadBytes } = config;
    const services = [implement(QueueServiceService, handlers, UNTRACED)];
    const server = await open(
      "grpc",
      serveGrpc({ listen, services, log, registry, drainMs, lameDuckMs, callerUnreadBytes }),
    );
    const id = `queue-${service.instance}`;
    const { port } = server;
    await open("consul", announce({ consulUrl, name: "queue", id, host: service.advertiseHost, port, log }));
    ops.setReady();
  },
};
