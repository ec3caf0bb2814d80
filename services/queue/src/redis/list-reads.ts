import type { ListStore } from "../domain/search/search-store.js";
import { decodeReadable } from "./decode.js";
import type { Shard } from "./shard.js";

/**
 * Reads tasks of agents, in order. A member of `owned` is `agent/id`. "0" follows "/" in ASCII, so `agent0` is the end
 * of an agent's members.
 */
export const createListReads = ({ redis, keys: { owned, tasks } }: Shard): ListStore => ({
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

  async listIds(agent, before, count) {
    const newest = before === undefined ? `(${agent}0` : `(${agent}/${before}`;
    const members = await redis.zrevrangebylex(owned, newest, `[${agent}/`, "LIMIT", 0, count);
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
