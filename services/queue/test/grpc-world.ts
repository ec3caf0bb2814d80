import assert from "node:assert/strict";
import type { Reason } from "@ccsp/errors";
import { type Admit, CallError, type Client, createClient, implement, serveGrpc } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { SyncRequest } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { TaskResult, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";
import { createPolicies } from "../src/application/policies.js";
import { createSubmissions } from "../src/application/submissions.js";
import type { TaskCache } from "../src/cache/task-cache.js";
import { openConversations } from "../src/conversations/open-conversations.js";
import { createApplication } from "../src/create-application.js";
import { createEmergencyStop } from "../src/domain/emergency/emergency-stop.js";
import { createSync } from "../src/domain/leases/sync.js";
import { queueHandlers } from "../src/grpc/handlers.js";
import type { LimitRanges } from "../src/limits/limit.js";
import { openLimits } from "../src/limits/open-limits.js";
import { createScheduleStore } from "../src/schedules/schedule-store.js";
import { createSchedules } from "../src/schedules/schedules.js";
import { createTaskIds } from "../src/task-id.js";
import { ENGINES, LEASE_MS, log, type World } from "./world.js";

export type QueueClient = Client<QueueServiceService> & { close(): void };

/** Starts one replica of the service over a world's Redis, and a client of it. */
export async function serveReplica(
  world: World,
  {
    cache,
    receiptsWithinMs,
    admit,
    ranges = ANY_LIMIT,
  }: { cache?: TaskCache; receiptsWithinMs?: number; admit?: Admit; ranges?: LimitRanges } = {},
): Promise<{ client: QueueClient; close(): Promise<void> }> {
  const { queue, moves, gates, store, wakes, shards, order, waitingExecutors, observer, stopping } = world;
  const now = () => world.clock.now;
  const live = await openLimits({
    redis: world.redis.client,
    settings: order,
    engines: ENGINES,
    shards,
    ranges,
    tasks: store,
    wakes,
    clock: { now },
    log,
    storeClock: now,
  });
  const sync = createSync(
    { store, queue, waitingExecutors, observer },
    { leaseMs: LEASE_MS, engines: ENGINES, order: live.order, stopping: stopping.signal },
  );
  const emergency = createEmergencyStop(
    { store, queue, wakes },
    receiptsWithinMs === undefined ? {} : { receiptsWithinMs },
  );
  const limits = { maxPromptBytes: 1024 * 1024, engines: ENGINES };
  const newId = createTaskIds(shards);
  const conversations = openConversations(CONVERSATIONS, {
    redis: world.redis.client,
    tasks: store,
    share: (all) => all,
  });
  let reads = 0;
  // Each call sees the executors as they are.
  const policies = createPolicies(store, () => 1_000 * reads++);
  const submissions = createSubmissions({ queue, limits, newId, cache, conversations, policies, intake: store });
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
    schedules: createSchedules(createScheduleStore(world.redis.client, () => world.clock.now)),
    setLimits: live.limits,
    ...createApplication({ store, queue, moves, order: live.order, limits, cache, conversations, policies }),
    clock: { now: () => world.clock.now },
    traces: { leased: () => undefined },
  });
  const services = [implement(QueueServiceService, handlers)];
  const server = await serveGrpc({
    listen: { host: "127.0.0.1", port: 0 },
    services,
    admit,
    log,
    lameDuckMs: 0,
    drainMs: 500,
  });
  const client = createClient(QueueServiceService, `127.0.0.1:${server.port}`);
  return {
    client,
    async close() {
      client.close();
      await server.close();
      await live.close();
    },
  };
}

const ANY_LIMIT: LimitRanges = {
  weights: { min: 1, max: 9999 },
  starts: { min: 0.01, max: Number.POSITIVE_INFINITY },
  tokens: { min: 1, max: Number.POSITIVE_INFINITY },
};

const CONVERSATIONS = { keptMs: 3_600_000, transcriptBytes: 20 * 1024 * 1024, affinityMs: 30_000 };

export async function refused(call: Promise<unknown>, code: status, reason: Reason): Promise<CallError> {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof CallError, String(error));
  assert.deepEqual([status[error.code], error.reason], [status[code], reason]);
  return error;
}

export const spec = (more: Partial<TaskSpec> = {}): TaskSpec => ({
  ...TaskSpec.fromPartial({ prompt: "say hello" }),
  ...more,
});

export const result = (more: Partial<TaskResult> = {}): TaskResult => ({
  ...TaskResult.fromPartial({ text: "hello", model: "m-1", turns: 1, costUsd: 0.25 }),
  usage: { inputTokens: 10n, outputTokens: 2n, cacheReadTokens: 0n, cacheCreationTokens: 0n },
  ...more,
});

export const syncRequest = (more: Partial<SyncRequest> = {}): SyncRequest => ({
  executorId: "ex-1",
  bootId: "boot-1",
  address: "127.0.0.1:3002",
  sequence: 1n,
  leases: [],
  engines: [{ engine: "claude-code", freeSlots: 1, version: "1.0", account: "", slots: 1 }],
  draining: false,
  maxWait: undefined,
  emergency: undefined,
  slotChanges: [],
  adaptsSlots: false,
  policy: undefined,
  windows: [],
  ...more,
});
