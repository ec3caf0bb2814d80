import { monotonicFactory } from "ulid";
import { shardOfAgent } from "./domain/task/shard.js";

/**
 * Ids for an agent's tasks: its shard, then what sorts by time. Within this process they also sort within a millisecond, so
 * that tasks which one replica accepted keep their order.
 */
export function createTaskIds(shards: number): (agent: string) => string {
  const next = monotonicFactory();
  return (agent) => `${shardOfAgent(agent, shards)}-${next().toLowerCase()}`;
}
