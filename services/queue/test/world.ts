import assert from "node:assert/strict";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisClient, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { Cluster, Redis } from "ioredis";
import { pino } from "pino";
import { createGates, type Gates } from "../src/domain/gates/gate-keeper.js";
import { type Bounds, NO_BOUNDS } from "../src/domain/intake/bounds.js";
import type { NewTask } from "../src/domain/intake/intake-store.js";
import type { Room } from "../src/domain/intake/memory.js";
import { createSync, type Sync } from "../src/domain/leases/sync.js";
import { createWaitingExecutors, type WaitingExecutors } from "../src/domain/leases/waiting-executors.js";
import { createMoves, type Moves } from "../src/domain/lifecycle/moves.js";
import type { QueueObserver } from "../src/domain/lifecycle/observer.js";
import { createQueue, type LifecycleStore, type Queue, type QueueLimits } from "../src/domain/lifecycle/queue.js";
import type { LogEntry, LogStore } from "../src/domain/log/log-store.js";
import { classWeights, type Order } from "../src/domain/order/order.js";
import type { TaskStore } from "../src/domain/store.js";
import type { Failure, PriorityClass, State } from "../src/domain/task/task.js";
import type { Wakes } from "../src/domain/wakes/wakes.js";
import { GATE_NAMES } from "../src/messages/words.js";
import { createShards } from "../src/redis/shards.js";
import { openWakes } from "../src/redis/wakes.js";
import { createTaskIds } from "../src/task-id.js";

export const log = pino({ level: "silent" });
export const LEASE_MS = 30_000;
/** The default of the settings. */
export const REFUSALS = { runs: 50, waitMs: 6 * 60 * 60 * 1000 };
export const RAMP_MS = 60_000;
export const ORDER: Order = {
  urgentMax: 2,
  weights: classWeights(16, 4, 1),
  agentMaxRunning: 0,
  agentWeights: {},
  labelMaxRunning: {},
  engineRates: {},
  accountRates: {},
  agentRates: {},
};
export const ENGINES = ["claude-code", "opencode"] as const;

/** Ignores every call, for tests that do not check what is observed. */
export const NOBODY: QueueObserver = {
  accepted: () => undefined,
  ended: () => undefined,
  failed: () => undefined,
  leased: () => undefined,
  leaseExpired: () => undefined,
  deliveryLost: () => undefined,
};

/** The first thousand entries of a task's log. */
export const logOf = async (store: LogStore, id: string): Promise<readonly LogEntry[]> =>
  (await store.readLog(id, 0, 1_000))?.entries ?? [];

/** The queue over a real Redis, with a clock that stands still until a test moves it. */
export interface World {
  readonly server: Server;
  readonly redis: RedisConnection;
  readonly shards: number;
  readonly store: TaskStore;
  readonly wakes: Wakes;
  readonly waitingExecutors: WaitingExecutors;
  readonly order: Order;
  readonly limits: QueueLimits;
  readonly gates: Gates;
  readonly queue: Queue;
  readonly moves: Moves;
  readonly sync: Sync;
  readonly observer: QueueObserver;
  readonly stopping: AbortController;
  readonly clock: { now: number };
  readonly seen: { ended: State[]; leased: string[]; expired: number };
  /** Empties Redis. */
  reset(): Promise<void>;
  /** All keys in Redis. */
  keys(): Promise<string[]>;
  close(): Promise<void>;
}

type Server = Pick<RedisServer, "url" | "stop">;

export interface WorldOptions {
  /** A running Redis, which the test stops itself. Absent: a new Redis for this world only. */
  readonly server?: Server;
  readonly cluster?: boolean;
  /**
   * Sends every script twice and uses the second reply, like a client whose connection breaks before the first reply.
   */
  readonly twice?: boolean;
  readonly order?: Partial<Order>;
  readonly bounds?: Partial<Bounds>;
  readonly room?: Room;
  /** Absent: 1. */
  readonly shards?: number;
  /** An executor that waits checks again only when it is woken (see `withoutTimeLimit`), and not after a while too. */
  readonly onlyWoken?: boolean;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { shards = 1 } = options;
  const server = options.server ?? (options.cluster ? await startOneNodeCluster() : await startRedis());
  const redis = await openRedis(server.url, { log, name: "test" }).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  const wakes = await openWakes(await redis.duplicate(), redis.client);
  const waitingExecutors = createWaitingExecutors(options.onlyWoken ? withoutTimeLimit(wakes) : wakes, ENGINES);
  const clock = { now: 1_760_000_000_000 };
  const seen = { ended: [] as State[], leased: [] as string[], expired: 0 };
  const observer: QueueObserver = {
    ...NOBODY,
    ended: (state) => void seen.ended.push(state),
    leased: (task) => void seen.leased.push(task.id),
    leaseExpired: () => void seen.expired++,
  };
  const bounds = { ...NO_BOUNDS, ...options.bounds };
  const store = createShards(options.twice ? sendingTwice(redis.client) : redis.client, shards, {
    engines: ENGINES,
    bounds,
    retentionMs: 86_400_000,
    ...(options.room && { room: options.room }),
    offer: waitingExecutors.offer,
    now: () => clock.now,
  });
  const retry = { baseMs: 1_000, random: () => 1, refusals: REFUSALS };
  const order = { ...ORDER, ...options.order };
  const limits = { bounds, retry, order };
  const gates = createGates(store, { rampMs: RAMP_MS, names: GATE_NAMES });
  const { queue, moves } = queueOver({ store, gates, limits, observer });
  const stopping = new AbortController();
  const sync = createSync(
    { store, queue, waitingExecutors, observer },
    { leaseMs: LEASE_MS, engines: ENGINES, order: () => order, stopping: stopping.signal },
  );
  const nodes = (): Redis[] => (redis.client instanceof Cluster ? redis.client.nodes("master") : [redis.client]);
  return {
    server,
    redis,
    shards,
    store,
    wakes,
    waitingExecutors,
    order,
    limits,
    gates,
    queue,
    moves,
    sync,
    observer,
    stopping,
    clock,
    seen,
    async reset() {
      await Promise.all(nodes().map((node) => node.flushall()));
      Object.assign(seen, { ended: [], leased: [], expired: 0 });
    },
    keys: async () => (await Promise.all(nodes().map((node) => node.keys("*")))).flat(),
    async close() {
      await waitingExecutors.close();
      await wakes.close();
      await redis.close();
      if (server !== options.server) await server.stop();
    },
  };
}

interface QueueParts {
  readonly store: LifecycleStore;
  readonly gates: Gates;
  readonly limits: QueueLimits;
  readonly observer?: QueueObserver;
}

/** The rules over a store, as the service puts them together. */
export function queueOver({ store, gates, limits, observer = NOBODY }: QueueParts) {
  const moves = createMoves({ store, observer }, limits);
  return { moves, queue: createQueue({ store, moves, gates, observer }, limits) };
}

/** More than any test may take. */
const FOR_EVER_MS = 120_000;

/**
 * Wake-ups for which one waits without a time limit. The time limits of the waits make up for a wake-up that was lost,
 * so they would hide that from a test. With these wake-ups, the test does not end.
 */
export function withoutTimeLimit(wakes: Wakes): Wakes {
  return {
    ...wakes,
    listen(topics) {
      const listener = wakes.listen(topics);
      return { ...listener, next: (_timeoutMs, signal) => listener.next(FOR_EVER_MS, signal) };
    },
  };
}

function sendingTwice(client: RedisClient): RedisClient {
  return new Proxy(client, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (!String(name).startsWith("script:")) return member.bind(target);
      return async (...args: unknown[]) => {
        await Reflect.apply(member, target, args);
        return Reflect.apply(member, target, args);
      };
    },
  });
}

/** A Cluster of one node. It refuses commands that span slots, as every cluster does, and starts at once. */
async function startOneNodeCluster(): Promise<Server> {
  const port = ["--cluster-port", String(await freePort())];
  // A node that has never met another one does not know its own address.
  const address = ["--cluster-announce-ip", "127.0.0.1"];
  const server = await startRedis({ args: ["--cluster-enabled", "yes", ...port, ...address] });
  const node = new Redis(server.url);
  try {
    await node.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
    await eventually(async () => assert.match(String(await node.call("CLUSTER", "INFO")), /cluster_state:ok/));
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    node.disconnect();
  }
  return { url: server.url.replace("redis://", "redis+cluster://"), stop: () => server.stop() };
}

const newIds = Array.from({ length: 64 }, (_, i) => createTaskIds(i + 1));

export function newTask(task: Partial<NewTask> & { class?: PriorityClass } = {}, shards = 1): NewTask {
  return {
    id: newIds[shards - 1]?.(task.agent ?? "alice") ?? "",
    agent: "alice",
    engine: "claude-code",
    class: "normal",
    max: 3,
    spec: "",
    prompts: Buffer.from("prompt"),
    ...task,
  };
}

export const failure = (
  category: Failure["category"] = "NETWORK_ERROR",
  more: { retryable?: boolean; retryAfterMs?: number } = {},
): Failure => ({
  category,
  message: `it was ${category}`,
  retryable: true,
  source: "PROVIDER",
  ...more,
});

/** An executor that follows the answers to its Syncs. */
export function executor(
  world: Pick<World, "sync">,
  { id = "ex-1", boot = "boot-1", slots = 1, engine = "claude-code", account = "" } = {},
) {
  const held = new Map<string, bigint>();
  let sequence = 0n;
  const request = (more: { maxWaitMs?: number; freeSlots?: number; draining?: boolean; sequence?: bigint } = {}) => ({
    executor: id,
    boot,
    sequence: more.sequence ?? ++sequence,
    held: [...held].map(([id, fence]) => ({ id, fence })),
    offers: [{ engine, account, freeSlots: more.freeSlots ?? Math.max(0, slots - held.size), slots, version: "1.0" }],
    draining: more.draining ?? false,
    address: "127.0.0.1:3002",
    maxWaitMs: more.maxWaitMs ?? 0,
  });
  return {
    held,
    request,
    /** Calls Sync and updates the list of held leases from the answer. */
    async sync(more: Parameters<typeof request>[0] & { signal?: AbortSignal } = {}) {
      const answer = await world.sync(request(more), more.signal ?? new AbortController().signal);
      for (const { task, fence } of answer.grants) held.set(task.id, BigInt(fence));
      for (const lost of answer.lost) held.delete(lost);
      return answer;
    },
  };
}
