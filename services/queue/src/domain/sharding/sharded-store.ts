import type { TaskStore } from "../store.js";
import { shardedDue } from "./due.js";
import { shardedEmergency, shardedGates, shardedLimits } from "./gates.js";
import { shardedLeases } from "./leases.js";
import { shardedConfirmations, shardedLists, shardedWalks } from "./searches.js";
import { shardsOf } from "./shards.js";
import { shardedSituations, shardedStatus } from "./status.js";
import { shardedIntake, shardedTasks } from "./tasks.js";

/**
 * One store out of one for each shard; see docs/queue-storage.md, Shards and names. An agent's tasks are in one shard, a task's id names its
 * own, and a question about all is answered by all. Bounds are those of a shard: the caller divides.
 */
export function createShardedStore([first, ...others]: readonly TaskStore[]): TaskStore {
  if (first === undefined) throw new Error("there is no shard");
  if (others.length === 0) return first;

  const shards = shardsOf([first, ...others]);
  return {
    ...shardedTasks(shards),
    ...shardedIntake(shards),
    ...shardedLeases(shards),
    ...shardedDue(shards),
    ...shardedGates(shards),
    ...shardedEmergency(shards),
    ...shardedLimits(shards),
    ...shardedStatus(shards),
    ...shardedSituations(shards),
    ...shardedLists(shards),
    ...shardedWalks(shards),
    ...shardedConfirmations(shards),
  };
}
