import type { Task } from "../domain/task/task.js";
import { decodeReadable } from "./decode.js";
import type { Shard } from "./shard.js";

/** Tasks in one command. It is small, because Redis does nothing else during a command. */
const PAGE = 500;
/** The most runs whose records are read. */
export const MOST_HELD = 20_000;

/** The first tasks in a sorted set whose members end with an id. Tasks that cannot be read are left out. */
export async function readTasksIn(
  { redis, keys: { tasks } }: Shard,
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
