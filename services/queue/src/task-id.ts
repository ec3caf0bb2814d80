import { randomFillSync } from "node:crypto";
import { monotonicFactory } from "ulid";
import { shardOfAgent } from "./domain/task/shard.js";

/**
 * Ids for an agent's tasks: its shard, then what sorts by time. Within this process they also sort within a millisecond, so
 * that tasks which one replica accepted keep their order.
 */
export function createTaskIds(shards: number): (agent: string) => string {
  const next = monotonicFactory(createRandom());
  return (agent) => `${shardOfAgent(agent, shards)}-${next().toLowerCase()}`;
}

/** From 0 to less than 1, each from a byte: an id asks for sixteen, and the system is asked once for many ids. */
function createRandom(): () => number {
  const bytes = new Uint8Array(1024);
  let at = bytes.length;
  return () => {
    if (at === bytes.length) {
      randomFillSync(bytes);
      at = 0;
    }
    return (bytes[at++] ?? 0) / 256;
  };
}
