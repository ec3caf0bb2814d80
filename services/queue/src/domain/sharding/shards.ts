import type { TaskStore } from "../store.js";
import { shardOfAgent, shardOfTask } from "../task/shard.js";

/** The stores of all shards, and how to find the right one. */
export interface Shards {
  /** The first shard also stores all data that belongs to no agent and no task. */
  readonly first: TaskStore;
  readonly others: readonly TaskStore[];
  readonly stores: readonly TaskStore[];
  readonly shardOfAgent: (agent: string) => number;
  readonly ofAgent: (agent: string) => TaskStore;
  /** Undefined for an id that names no existing shard. No task has such an id. */
  readonly ofTask: (id: string) => TaskStore | undefined;
  /** Asks all stores in parallel. */
  readonly all: <T>(ask: (store: TaskStore, shard: number) => Promise<T>) => Promise<T[]>;
  readonly idsOfAll: (ids: (store: TaskStore) => Promise<readonly string[]>) => Promise<string[]>;
}

export function shardsOf(stores: readonly [TaskStore, ...TaskStore[]]): Shards {
  const [first, ...others] = stores;
  const all: Shards["all"] = (ask) => Promise.all(stores.map(ask));
  return {
    first,
    others,
    stores,
    all,
    shardOfAgent: (agent) => shardOfAgent(agent, stores.length),
    ofAgent: (agent) => stores[shardOfAgent(agent, stores.length)] ?? first,
    ofTask: (id) => stores[shardOfTask(id) ?? stores.length],
    idsOfAll: async (ids) => (await all(ids)).flat(),
  };
}
