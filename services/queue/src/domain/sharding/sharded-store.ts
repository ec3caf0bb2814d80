import type { TaskStore } from "../store.js";
import { shardedDue } from "./due.js";
import { shardedEmergency, shardedGates, shardedLimits } from "./gates.js";
import { shardedLeases } from "./leases.js";
import { shardedConfirmations, shardedLists, shardedScans } from "./searches.js";
import { shardsOf } from "./shards.js";
import { shardedLines, shardedSituations, shardedStatus } from "./status.js";
import { shardedIntake, shardedTasks } from "./tasks.js";

/**
 * Joins the stores of all shards into one store: see docs/queue-storage.md, Shards and names. The tasks of an agent are
 * in one shard. The id of a task names its shard. A question about all tasks goes to all shards. The bounds of each
 * store are those of a shard: the caller divides them.
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
    ...shardedLines(shards),
    ...shardedLists(shards),
    ...shardedScans(shards),
    ...shardedConfirmations(shards),
  };
}
