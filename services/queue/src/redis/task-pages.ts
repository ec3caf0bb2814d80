import type { RedisClient } from "@ccsp/redis-kit";
import type { Task } from "../domain/task/task.js";
import { decodeReadable } from "./decode.js";
import type { QueueKeys } from "./keys.js";

// So that Redis is never busy for long.
const PAGE = 500;
/** More runs than this are not looked at one by one. */
export const MOST_HELD = 20_000;

/** The first tasks in a sorted set whose members are ids, or have the id at their end; without those that cannot be read. */
export async function readTasksIn(
  redis: RedisClient,
  { tasks }: QueueKeys,
  zset: string,
  most: number,
): Promise<readonly Task[]> {
  const ids = await redis.zrange(zset, "0", String(most - 1));
  const found: Task[] = [];
  for (let from = 0; from < ids.length; from += PAGE) {
    const page = ids.slice(from, from + PAGE).map((member) => member.slice(member.lastIndexOf("/") + 1));
    const records = await redis.hmget(tasks, ...page);
    for (const [i, record] of records.entries()) {
      const task = record && decodeReadable(page[i] ?? "", record);
      if (task) found.push(task);
    }
  }
  return found;
}
