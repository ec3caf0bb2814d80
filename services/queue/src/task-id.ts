import { randomInt } from "node:crypto";
import { monotonicFactory } from "ulid";
import { shardOfAgent } from "./domain/task/shard.js";

/**
 * Makes ids for an agent's tasks: the agent's shard, then a ULID, which sorts by time. Ids that one process makes also
 * sort within a millisecond, so the tasks that one replica accepted keep their order.
 */
export function createTaskIds(shards: number): (agent: string) => string {
  // Node keeps a stock of random bytes. The default source of ulid asks the system for each of sixteen characters,
  // which takes 2 µs per id under load.
  const next = monotonicFactory(() => randomInt(32) / 32);
  return (agent) => `${shardOfAgent(agent, shards)}-${next().toLowerCase()}`;
}
