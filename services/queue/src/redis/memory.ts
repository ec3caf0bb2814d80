import { bindScript, type RedisClient } from "@ccsp/redis-kit";
import type { NodeMemory } from "../domain/intake/memory.js";
import { queueKeys } from "./keys.js";

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** Binds the script that reads how full a node is. */
export const bindMemory = (redis: RedisClient) => bindScript(redis, lua("read_memory"), ["tasks"], decode);

/** One read for each shard, in the order of the shards. A read rejects when its node stays away for 10 s. */
export function createMemoryReads(redis: RedisClient, shards: number): readonly (() => Promise<NodeMemory>)[] {
  const read = bindMemory(redis);
  return Array.from({ length: shards }, (_, shard) => async () => read({ tasks: queueKeys(shard).tasks }));
}

function decode(reply: unknown): NodeMemory {
  if (!Array.isArray(reply)) throw new Error("script answered no list");
  const [node = "", used, most, policy = ""] = reply.map(String);
  return { node, usedBytes: Number(used), mostBytes: Number(most), policy };
}
