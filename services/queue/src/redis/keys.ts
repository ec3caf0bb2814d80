import { eventsKey } from "@ccsp/events";
import { CLASSES, type PriorityClass } from "../domain/task/task.js";

export type QueueKeys = ReturnType<typeof queueKeys>;

const QUEUE = "ccsp:queue:";
const prefixOf = (shard: number): string => `${QUEUE}{${shard}}:`;

/** Every key of one shard. They share a hash tag, so they are on one node of a Redis Cluster. A script needs that. */
export function queueKeys(shard: number) {
  const prefix = prefixOf(shard);
  const engines = new Map<string, EngineKeys>();
  return {
    tasks: `${prefix}tasks`,
    prompts: `${prefix}prompts`,
    results: `${prefix}results`,
    owned: `${prefix}owned`,
    leases: `${prefix}leases`,
    parked: `${prefix}parked`,
    ended: `${prefix}ended`,
    executors: `${prefix}executors`,
    meta: `${prefix}meta`,
    running: `${prefix}running`,
    load: `${prefix}load`,
    alarms: `${prefix}alarms`,
    pinned: `${prefix}pinned`,
    blocked: `${prefix}blocked`,
    // Throttled agents. Stored names do not change: neither this one nor `rota`, the turn order of classes.
    bench: `${prefix}bench`,
    gates: `${prefix}gates`,
    /** Budgets that are used up. A claim reads only those that concern it: there may be 1,000. */
    holds: `${prefix}holds`,
    rates: `${prefix}rates`,
    refills: `${prefix}refills`,
    receipts: `${prefix}receipts`,
    minutes: `${prefix}minutes`,
    /** Written before a WAIT, which asks replicas for the newest write. */
    barrier: `${prefix}barrier`,
    transcripts: `${prefix}transcripts`,
    transcriptsKept: `${prefix}transcripts-kept`,
    events: eventsKey(shard),
    /** The keys of one engine and its classes. There are few engines, so their keys are made once. */
    engine(name: string): EngineKeys {
      const keys = engines.get(name) ?? engineKeys(prefix, name);
      engines.set(name, keys);
      return keys;
    },
    runs: (engine: string) => `${prefix}runs:${engine}`,
    log: (id: string) => `${prefix}log:${id}`,
    /** A large result in chunks; see `createResultChunks`. */
    result: (id: string, digest: string) => `${prefix}result:${id}:${digest}`,
    conversation: (id: string) => `${prefix}conversation:${id}`,
    confirmation: (name: string) => `${prefix}confirmation:${name}`,
    executor: (id: string) => `${prefix}executor:${id}`,
    request: (agent: string, requestId: string) => `${prefix}request:${agent}:${requestId}`,
  };
}

/** There are few schedules, so all of them are in shard 0. The shard of their agent does not matter. */
export const scheduleKeys = {
  times: `${prefixOf(0)}schedule-times`,
  of: (agent: string) => `${prefixOf(0)}schedules:${agent}`,
} as const;

/** The limits that were set belong to no shard. All shards follow them. */
export const limitsKey = `${prefixOf(0)}limits`;

/** Cached answers belong to no shard. Each may be on any node. */
export const cacheKeys = {
  answer: (digest: string) => `${QUEUE}cache:${digest}`,
  /** Counts the bytes that are written within one TTL. */
  bytes: (period: number) => `${QUEUE}cache:bytes:${period}`,
} as const;

/**
 * Pub/sub channels of all shards. `log` carries task ids, separated by spaces. `work` carries topics (`engine:…`,
 * `executor:…`, `gates`, `due`, …).
 */
export const channels = { log: `${QUEUE}log`, work: `${QUEUE}work` } as const;

type EngineKeys = ReturnType<typeof engineKeys>;

const engineKeys = (prefix: string, name: string) => ({
  rota: `${prefix}rota:${name}`,
  ...byClass("Lines", (priority) => `${prefix}lines:${name}:${priority}`),
  ...byClass("Heads", (priority) => `${prefix}heads:${name}:${priority}`),
  ...byClass("Turns", (priority) => `${prefix}turns:${name}:${priority}`),
});

function byClass<S extends string>(suffix: S, key: (priority: PriorityClass) => string) {
  const named = CLASSES.map((priority) => [`${priority}${suffix}`, key(priority)] as const);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one entry for each class
  return Object.fromEntries(named) as Record<`${PriorityClass}${S}`, string>;
}
