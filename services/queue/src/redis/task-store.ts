import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { LRUCache } from "lru-cache";
import type { Bounds } from "../domain/intake/bounds.js";
import type { Room } from "../domain/intake/memory.js";
import { MOST_AGEING, type Order, START_TARGET_MS } from "../domain/order/order.js";
import type { TaskStore } from "../domain/store.js";
import type { Task } from "../domain/task/task.js";
import { createCandidateReads } from "./candidate-reads.js";
import { createConfirmations } from "./confirmations.js";
import { decodeReadable } from "./decode.js";
import { createEmergencyCalls, emergencyOf } from "./emergency-calls.js";
import { createEnqueue, type Offering } from "./enqueue-calls.js";
import { createGateCalls } from "./gate-calls.js";
import { channels, queueKeys } from "./keys.js";
import { createReads } from "./reads.js";
import { createResultChunks } from "./result-chunks.js";
import { bindScripts, type Reply } from "./scripts.js";
import { createSituationReads } from "./situation-reads.js";
import { createStatusReads } from "./status-reads.js";
import { createTaskCalls } from "./task-calls.js";

export interface StoreOptions {
  readonly shard: number;
  readonly engines: readonly string[];
  readonly bounds: Bounds;
  /** How long ended tasks are kept at most. */
  readonly retentionMs: number;
  /** Where there is memory for new tasks; everywhere when absent. */
  readonly room?: Room;
  /** Asked as tasks are sent: see `Idle.offer`. */
  readonly offer?: Offering;
  /** Ms since 1970; for tests. Redis' own clock when absent. */
  readonly now?: () => number;
}

/**
 * The leases that this process remembers, so that their end needs no read: thousands, more than executors hold at once. The read would cost a done
 * task 13 % more of Redis and a fifth more of this process.
 */
const MOST_REMEMBERED_BYTES = 8 * 1024 * 1024;
const RECORD_BYTES = 1024;

/** One shard of the queue's state in Redis. Throws DEPENDENCY_UNAVAILABLE while Redis is away. */
export function createTaskStore(
  redis: RedisClient,
  { shard, engines, bounds, retentionMs, room = unlimited, offer = nobodyWaits, now }: StoreOptions,
): TaskStore {
  const keys = queueKeys(shard);
  const scripts = bindScripts(redis);
  const clock = (): number | "" => now?.() ?? "";
  const { tasks, prompts, leases, alarms, pinned, blocked, executors, meta, running, load } = keys;
  const { bench, gates, rates, refills } = keys;
  const orderOf = lastOf(orderArg);
  const chunks = createResultChunks(redis, { keyOf: keys.result, putChunk: scripts.putChunk, retentionMs });

  const leased = new LRUCache<string, Task>({
    maxSize: MOST_REMEMBERED_BYTES,
    sizeCalculation: ({ spec }) => RECORD_BYTES + spec.length,
  });
  const reads = createReads(redis, keys, { scripts, chunks }, now);
  const status = createStatusReads(redis, keys, { engines, now: () => reads.now("") });
  const memory = { isFull: () => room.isFull(shard), noteFull: () => room.noteFull(shard) };
  const enqueue = createEnqueue({ redis, scripts, keys }, { bounds, memory, clock, offer });
  const store: Omit<TaskStore, "enqueue" | "enqueueAll" | "findLeased"> = {
    ...reads,
    ...status,
    ...createCandidateReads(redis, keys, { scripts, engines, clock }),
    ...createSituationReads(redis, keys, {
      now: () => reads.now(""),
      executors: (withinMs) => status.executors(withinMs),
    }),
    ...createTaskCalls(scripts, keys, { chunks, bounds, clock }),
    ...createGateCalls(redis, scripts, keys, { engines, clock }),
    ...createConfirmations(redis, scripts, keys),
    ...createEmergencyCalls(redis, scripts, keys, clock),

    async sync({ executor, boot, sequence, draining, offers, held: holding, leaseMs, again }) {
      const [word, lost = [], cancelled = [], unlisted = [], forgotten = [], holdMs, stop] = await scripts.sync(
        { executor: keys.executor(executor), executors, tasks, leases, running, meta, gates },
        executor,
        clock(),
        boot,
        String(sequence),
        leaseMs,
        draining ? 1 : 0,
        again ? "again" : "first",
        JSON.stringify(offers),
        ...holding.flatMap(({ id, fence }) => [id, String(fence)]),
      );
      if (word === "stale") return word;
      return {
        lost: texts(lost),
        cancelled: inGroups(texts(cancelled), 3).map(([id = "", fence, reason = ""]) => ({
          id,
          fence: Number(fence),
          reason,
        })),
        unlisted: inGroups(texts(unlisted), 2).map(([id = "", fence]) => ({ id, fence: Number(fence) })),
        forgotten: inGroups(texts(forgotten), 2).map(([id = "", fence]) => ({ id, fence: Number(fence) })),
        holdMs: Number(text(holdMs)),
        emergency: emergencyOf(text(stop)),
      };
    },

    noticeOutage: async (leaseMs) => scripts.noticeOutage({ meta, leases, executors }, clock(), leaseMs),

    async claim({ executor, boot, sequence, engine, account, count, leaseMs, maxBytes, order, early }) {
      const [word, wait, again, left, kept, own, ...flat] = await scripts.claim(
        {
          executor: keys.executor(executor),
          tasks,
          prompts,
          leases,
          alarms,
          pinned,
          blocked,
          meta,
          running,
          load,
          bench,
          gates,
          rates,
          refills,
          ...keys.engine(engine),
        },
        executor,
        clock(),
        boot,
        String(sequence),
        engine,
        account,
        count,
        leaseMs,
        maxBytes,
        channels.work,
        orderOf(order),
        early ? "early" : "",
      );
      if (word === "stale" || word === "unsettled") return word;
      const grants = inGroups(flat.map(buffer), 3).flatMap(([id, record, prompts], i) => {
        const task = decodeReadable(text(id), text(record));
        if (task === undefined) return [];
        leased.set(task.id, task);
        const { fence = 0, leased: leasedMs = 0 } = task;
        const about = { expireMs: leasedMs + leaseMs, again: i < Number(text(again)) };
        return { task, fence, prompts: buffer(prompts), ...about };
      });
      const [waitMs, keptBy] = [text(wait), text(kept)];
      return {
        grants,
        left: Number(text(left)),
        pins: text(own) !== "",
        ...(waitMs !== "" && { waitMs: Number(waitMs) }),
        ...((keptBy === "login" || keptBy === "executor") && { kept: keptBy }),
      };
    },
  };
  const safe = guarded(redis, store);
  return {
    ...safe,
    enqueue,
    enqueueAll: enqueue.all,
    async findLeased(id, fence) {
      const task = leased.get(id);
      return task?.fence === fence ? task : safe.find(id);
    },
  };
}

const nobodyWaits = (): boolean => false;
const unlimited: Room = { isFull: () => false, noteFull: () => undefined };

const orderArg = (order: Order): string =>
  JSON.stringify({ ...order, mostAgeing: MOST_AGEING, startTargets: START_TARGET_MS });

/** Remembers what it made last, for an argument that never changes while a process runs. */
function lastOf<T, R>(make: (from: T) => R): (from: T) => R {
  let last: { readonly from: T; readonly made: R } | undefined;
  return (from) => {
    if (last?.from !== from) last = { from, made: make(from) };
    return last.made;
  };
}

/** The same store, whose every method tells an outage of Redis from a fault. */
function guarded<S extends object>(redis: RedisClient, store: S): S {
  const methods = Object.entries(store).map(([name, method]: [string, (...args: unknown[]) => Promise<unknown>]) => [
    name,
    (...args: unknown[]) => orUnavailable(redis, () => Reflect.apply(method, store, args)),
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same methods
  return Object.fromEntries(methods) as S;
}

function buffer(part: Reply[1] | undefined): Buffer {
  if (!Buffer.isBuffer(part)) throw new Error("script answered a list where a string belongs");
  return part;
}

const text = (part: Reply[1] | undefined): string => buffer(part).toString();

function texts(part: Reply[1]): string[] {
  if (Buffer.isBuffer(part)) throw new Error("script answered a string where a list belongs");
  return part.map(String);
}

function inGroups<T>(flat: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.floor(flat.length / size) }, (_, i) => flat.slice(i * size, (i + 1) * size));
}
