import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { MOST_AGEING, START_TARGET_MS } from "../domain/order.js";
import type { TaskStore } from "../domain/store.js";
import { CLASSES, type PriorityClass } from "../domain/task.js";
import { enqueuedData, moveData } from "../messages/event-data.js";
import { decodeTask } from "./decode.js";
import { channels, type QueueKeys, queueKeys } from "./keys.js";
import { createReads } from "./reads.js";
import { bindScripts, type Reply } from "./scripts.js";

// Long enough for a client that lost its connection over a day's outage; see Enqueue in the contract.
const REQUEST_TTL_MS = 24 * 60 * 60 * 1000;

export interface StoreOptions {
  readonly shard: number;
  readonly engines: readonly string[];
  /** Ms since 1970; for tests. Redis' own clock when absent. */
  readonly now?: () => number;
}

/** One shard of the queue's state in Redis. Throws DEPENDENCY_UNAVAILABLE while Redis is away. */
export function createTaskStore(redis: RedisClient, { shard, engines, now }: StoreOptions): TaskStore {
  const keys = queueKeys(shard);
  const scripts = bindScripts(redis);
  const clock = (): number | "" => now?.() ?? "";
  const { tasks, prompts, results, owned, leases, held, parked, ended, executors, meta, running, lines, events } = keys;

  const store: TaskStore = {
    ...createReads(redis, keys, scripts.readClock, { engines, ...(now && { now }) }),

    async enqueue(task) {
      const { id, agent, engine, class: priority, max, spec, trace, request } = task;
      const record = { agent, engine, class: priority, state: "QUEUED", max, spec, ...(trace && { trace }) };
      const [word, known, raw] = await scripts.enqueue(
        {
          ...{ tasks, prompts, owned, leases, ended, events, lines },
          ...place(keys, engine, priority),
          request: keys.request(agent, request?.id ?? ""),
        },
        id,
        clock(),
        JSON.stringify(record),
        Buffer.from(task.prompts),
        agent,
        request?.hash ?? "",
        REQUEST_TTL_MS,
        task.maxWaiting,
        trace,
        enqueuedData(task),
        channels.work,
        engine,
        priority,
        task.agentMaxWaiting,
      );
      if (word === "full" || word === "agent_full") return { outcome: word };
      if (word === "added") return { outcome: word, task: decodeTask(id, text(raw)) };
      if (word === "known" || word === "conflict") return { outcome: word, id: text(known) };
      throw unexpected(word);
    },

    async move({ id, engine, class: priority }, { event, note, settle, ...move }, result) {
      return scripts.move(
        {
          ...{ tasks, results, leases, held, parked, ended, running, lines, meta, events },
          ...place(keys, engine, priority),
          log: keys.log(id),
        },
        id,
        clock(),
        JSON.stringify({
          ...move,
          settle: settle && `${move.fence} ${settle}`,
          note: note && JSON.stringify(note),
          event: event && `task.${event.type}`,
          data: event && moveData(event),
        }),
        result === undefined ? "" : Buffer.from(result),
        channels.log,
        channels.work,
      );
    },

    async report({ id, fence, number, started, entries }) {
      return scripts.report(
        { tasks, events, log: keys.log(id) },
        ...[id, clock(), fence, number],
        ...[started ? "started" : "", started?.traceparent ?? "", channels.log],
        ...entries.map((entry) => Buffer.from(entry)),
      );
    },

    async sync({ executor, boot, sequence, draining, held: holding, leaseMs, again }) {
      const [word, lost = [], cancelled = [], unlisted = []] = await scripts.sync(
        { executor: keys.executor(executor), executors, tasks, leases, held },
        ...[executor, clock(), boot, String(sequence), leaseMs, draining ? 1 : 0, again ? "again" : "first"],
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
      };
    },

    async claim({ executor, boot, sequence, engine, count, leaseMs, maxBytes, order }) {
      const [word, ...flat] = await scripts.claim(
        {
          ...{ tasks, prompts, leases, held, meta, running, lines },
          executor: keys.executor(executor),
          rota: keys.rota(engine),
          ...byClass("", (priority) => keys.ready(engine, priority)),
          ...byClass("Turns", (priority) => keys.turns(engine, priority)),
        },
        ...[executor, clock(), boot, String(sequence), engine, count, leaseMs, maxBytes],
        ...[order.urgentMax, MOST_AGEING, order.agentMaxRunning, JSON.stringify(order.agentWeights)],
        ...CLASSES.flatMap((priority) => [order.weights[priority], START_TARGET_MS[priority]]),
      );
      if (word === "stale") return word;
      return inGroups(flat.map(buffer), 3).map(([id, record, prompts]) => {
        const task = decodeTask(text(id), text(record));
        const { fence = 0, leased = 0 } = task;
        return { task, fence, prompts: buffer(prompts), expireMs: leased + leaseMs };
      });
    },

    async remove(id) {
      await scripts.remove({ tasks, prompts, results, ended, owned, log: keys.log(id) }, id);
    },
  };
  return guarded(redis, store);
}

/** The same store, whose every method tells an outage of Redis from a fault. */
function guarded(redis: RedisClient, store: TaskStore): TaskStore {
  return new Proxy(store, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return (...args: unknown[]) => orUnavailable(redis, async () => Reflect.apply(method, target, args));
    },
  });
}

const place = (keys: QueueKeys, engine: string, priority: PriorityClass) => ({
  ready: keys.ready(engine, priority),
  turns: keys.turns(engine, priority),
  rota: keys.rota(engine),
});

function byClass<S extends string>(suffix: S, key: (priority: PriorityClass) => string) {
  const named = CLASSES.map((priority) => [`${priority}${suffix}`, key(priority)] as const);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each class
  return Object.fromEntries(named) as Record<`${PriorityClass}${S}`, string>;
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

function unexpected(word: string): Error {
  return new Error(`script answered ${JSON.stringify(word)}`);
}
