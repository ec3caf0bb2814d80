import { randomInt } from "node:crypto";
import { monotonicFactory } from "ulid";
import { shardOfAgent } from "./domain/task/shard.js";

/**
 * Ids for an agent's tasks: its shard, then what sorts by time. Within this process they also sort within a millisecond, so
 * that tasks which one replica accepted keep their order.
 */
export function createTaskIds(shards: number): (agent: string) => string {
  // Node keeps random bytes in stock; ulid's own source asks the system for each of sixteen characters, 2 µs of an id under load.
  const next = monotonicFactory(() => randomInt(32) / 32);
  return (agent) => `${shardOfAgent(agent, shards)}-${next().toLowerCase()}`;
}
