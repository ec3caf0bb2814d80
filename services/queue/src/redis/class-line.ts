import type { PriorityClass } from "../domain/task/task.js";
import type { Shard } from "./shard.js";

/** How many tasks of an engine and class are in the waiting line, and since when the oldest waits (ms since 1970). */
export async function readClassLine(
  { redis, keys }: Shard,
  { engine, class: priority }: { readonly engine: string; readonly class: PriorityClass },
): Promise<{ readonly waiting: number; readonly oldestMs: number | undefined }> {
  const of = keys.engine(engine);
  const [waiting, [, oldest]] = await Promise.all([
    redis.zcard(of[`${priority}Lines`]),
    redis.zrangebyscore(of[`${priority}Heads`], "-inf", "+inf", "WITHSCORES", "LIMIT", 0, 1),
  ]);
  return { waiting, oldestMs: oldest === undefined ? undefined : Number(oldest) };
}
