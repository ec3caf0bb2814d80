import type { ListStore } from "../domain/search/search-store.js";
import type { Task } from "../domain/task/task.js";
import { decodeReadable } from "./decode.js";
import type { Shard } from "./shard.js";

/**
 * Reads tasks of agents, in order. A member of `owned` is `agent/id`. "0" follows "/" in ASCII, so `agent0` is the end
 * of an agent's members.
 */
export const createListReads = ({ redis, scripts, keys: { owned, tasks } }: Shard): ListStore => ({
  async owners() {
    const owners: string[] = [];
    for (let from = "-"; ; ) {
      const [member] = await redis.zrangebylex(owned, from, "+", "LIMIT", 0, 1);
      if (member === undefined) return owners;
      const owner = member.slice(0, member.indexOf("/"));
      owners.push(owner);
      from = `(${owner}0`;
    }
  },

  async newestOf(agent, before, count) {
    const found = await scripts.readNewest({ owned, tasks }, agent, above(agent, before), count);
    const newest: Task[] = [];
    let last = "";
    for (let i = 0; i + 1 < found.length; i += 2) {
      const record = found[i + 1];
      last = String(found[i]);
      const task = record && decodeReadable(last, record);
      if (task) newest.push(task);
    }
    return { tasks: newest, next: found.length === 2 * count ? last : undefined };
  },

  async listIds(agent, before, count) {
    const members = await redis.zrevrangebylex(owned, above(agent, before), `[${agent}/`, "LIMIT", 0, count);
    return members.map((member) => member.slice(agent.length + 1));
  },

  async findAll(ids) {
    if (ids.length === 0) return [];
    const records = await redis.hmget(tasks, ...ids);
    return ids.flatMap((id, i) => {
      const record = records[i];
      return (record && decodeReadable(id, record)) || [];
    });
  },
});

/** The end of the tasks of an agent that are older than `before`, in the form of ZREVRANGEBYLEX. */
const above = (agent: string, before: string | undefined): string =>
  before === undefined ? `(${agent}0` : `(${agent}/${before}`;
