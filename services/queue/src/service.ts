import { CallerBounds, implement } from "@ccsp/grpc-kit";
import { type ServiceDefinition, startList } from "@ccsp/lifecycle";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Logger } from "pino";
import { createPolicies } from "./application/policies.js";
import { openCache } from "./cache/open-cache.js";
import { createTaskCache } from "./cache/task-cache.js";
import { defineQueue, type QueueConfig } from "./config.js";
import { openConversations } from "./conversations/open-conversations.js";
import { createApplication } from "./create-application.js";
import { createRules } from "./create-rules.js";
import { type ReaperDeps, reap, reapDue } from "./domain/due/reaper.js";
import { createSync } from "./domain/leases/sync.js";
import { queueHandlers } from "./grpc/handlers.js";
import { openLimits } from "./limits/open-limits.js";
import { observeQueue, readStarts } from "./metrics.js";
import { openStorage, type Storage } from "./open-storage.js";
import { openSubmissions } from "./open-submissions.js";
import { startReaping } from "./reap-loop.js";
import { openSchedules } from "./schedules/open-schedules.js";
import { measureQueue, showTargets } from "./status-metrics.js";
import { createTaskIds } from "./task-id.js";

const REAP_EVERY_MS = 1_000;
/** ADR 23 says why. Both services must leave out the same calls, or one of them makes spans without a parent. */
const UNTRACED = { untraced: ["sync", "report", "complete", "fail", "release"] } as const;

/** Each shard gets an equal share of a bound on all tasks. */
const shareOf =
  ({ shards }: QueueConfig) =>
  (bound: number): number =>
    Math.ceil(bound / shards);

const START = startList<QueueConfig>()
  .add("storage", ({ config, ...context }) => openStorage(config, context))
  .add("observer", ({ registry, heartbeat, storage }) => {
    measureQueue(registry, storage.store);
    showTargets(registry);
    heartbeat.add(async () => ({ starts: await readStarts(registry) }));
    return observeQueue(registry);
  })
  .add("rules", ({ config, storage, observer }) => createRules(config, storage, observer))
  .open("limits", ({ config, storage: { redis, store: tasks, wakes, clock }, log }) => {
    const { order: settings, engines, shards, limitRanges: ranges } = config;
    const deps = { redis: redis.client, settings, engines, shards, ranges, tasks, wakes, clock, log };
    return redis.atStart(() => openLimits(deps));
  })
  .add("sync", ({ config, storage, rules: { queue }, limits, observer, stopping }) => {
    const { leaseMs, engines } = config;
    const { store, waitingExecutors } = storage;
    const executors = { store, queue, waitingExecutors, observer };
    return createSync(executors, { leaseMs, engines, order: limits.order, stopping });
  })
  .add("ops", ({ storage: { redis }, serveOps }) => serveOps({ redis: () => redis.ping() }))
  .open("reaper", ({ config, storage: { store, wakes }, rules: { queue, moves }, log }) =>
    startReaper(config, { store, queue, moves, wakes, log }),
  )
  .open("cache", ({ config, storage: { redis, clock }, registry, log }) =>
    openCache(config.cache, { redis: redis.client, now: () => clock.now(), registry, log }),
  )
  .add("taskCache", ({ config, storage: { clock }, cache }) =>
    createTaskCache(cache, { ...config.cache, now: () => clock.now() }),
  )
  .add("conversations", ({ config, storage: { redis, store: tasks } }) =>
    openConversations(config.conversations, { redis: redis.client, tasks, share: shareOf(config) }),
  )
  .add("taskLimits", ({ config: { maxPromptBytes, engines } }) => ({ maxPromptBytes, engines }))
  .add("policies", ({ storage: { store } }) => createPolicies(store, () => performance.now()))
  .add(
    "submissions",
    ({ config, storage, rules: { queue, traces }, taskLimits, taskCache, conversations, policies, open, registry }) => {
      const newId = createTaskIds(config.shards);
      const deps = { queue, traces, limits: taskLimits, newId, cache: taskCache, conversations, policies };
      const { redis, store: intake } = storage;
      return openSubmissions(config.overload, { open, registry, redis }, { ...deps, intake });
    },
  )
  .open("schedules", ({ storage: { redis, replicas, room, wakes }, submissions: { enqueue }, registry, log }) =>
    openSchedules({ redis: redis.client, replicas, room, wakes, enqueue, registry, log }),
  )
  .add("grpc", ({ config, storage, rules, limits: setLimits, taskLimits: limits, ...parts }) => {
    const { sync, taskCache: cache, conversations, policies, submissions, schedules, serveGrpc } = parts;
    const { store, wakes, clock } = storage;
    const shared = { limits, cache, conversations, policies };
    const application = createApplication({ ...rules, store, order: setLimits.order, ...shared });
    const slices = { submissions, conversations, schedules: schedules.schedules, setLimits: setLimits.limits };
    const handlers = queueHandlers({ ...rules, store, wakes, clock, sync, limits, ...slices, ...application });
    const callers = new CallerBounds({ unreadBytes: config.callerUnreadBytes });
    return serveGrpc([implement(QueueServiceService, handlers, UNTRACED)], { callers });
  });

export const queueService: ServiceDefinition<QueueConfig> = {
  name: "queue",
  summary: "QueueService: tasks, their order, leases, logs and results",
  define: defineQueue,
  start: START.start,
};

interface ReaperOptions extends Omit<ReaperDeps, "store">, Pick<Storage, "store" | "wakes"> {
  readonly log: Logger;
}

function startReaper(config: QueueConfig, { store, wakes, log, ...deps }: ReaperOptions) {
  const { leaseMs, retentionMs } = config;
  const share = shareOf(config);
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
