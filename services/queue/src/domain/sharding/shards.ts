import type { TaskStore } from "../store.js";
import { shardOfAgent, shardOfTask } from "../task/shard.js";

/** The stores of all shards, and which of them has what. */
export interface Shards {
  /** It has what belongs to no agent and no task. */
  readonly first: TaskStore;
  readonly others: readonly TaskStore[];
  readonly stores: readonly TaskStore[];
  readonly shardOfAgent: (agent: string) => number;
  readonly ofAgent: (agent: string) => TaskStore;
  /** Undefined for an id of a shard that there is not, which no task has. */
  readonly ofTask: (id: string) => TaskStore | undefined;
  /** Asks all of them at once. */
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
