import type { BlockedStore, LimitStore } from "../domain/gates/gate-store.js";
import { engineTopic, GATES_TOPIC } from "../domain/wakes/wakes.js";
import { channels } from "./keys.js";
import type { Shard } from "./shard.js";

/** A bound is halved at most once in this time, because runs that started together are overloaded together. */
const HALVE_EVERY_MS = 10_000;
/** Successes after which a bound grows by one. */
const GROW_AFTER = 3;
/** The leases are counted again at most once in this time, because this costs Redis 3 µs for each lease. */
const RECOUNT_EVERY_MS = 30_000;
const PAGE = 500;

/** Keeps the limits on what runs, and finds the tasks that a limit blocks. */
export function createLimitCalls({ redis, scripts, keys, clock }: Shard): LimitStore & BlockedStore {
  const { gates, running, tasks, leases, meta, bench, blocked, refills } = keys;
  const blockedFor = async (reason: string, count: number): Promise<string[]> => {
    const members = await redis.zrangebylex(blocked, `[${reason}/`, `(${reason}0`, "LIMIT", 0, count);
    return members.map((member) => member.slice(member.lastIndexOf("/") + 1));
  };

  return {
    adaptBound: ({ engine, account }, what) =>
      scripts.adaptBound(
        { gates, running },
        `${engine}/${account}`,
        clock(),
        what,
        HALVE_EVERY_MS,
        GROW_AFTER,
        channels.work,
        GATES_TOPIC,
        engineTopic(engine),
      ),

    unthrottleRefilled: () => scripts.unthrottleRefilled({ bench, refills }, clock(), channels.work),

    unthrottle: (agent = "") => scripts.unthrottle({ bench }, agent, channels.work),

    recountLeases: () => scripts.recountLeases({ running, tasks, leases, meta }, clock(), RECOUNT_EVERY_MS),

    async blockedIds(room) {
      const ids: string[] = [];
      for (let from = "-"; ; ) {
        const [next] = await redis.zrangebylex(blocked, from, "+", "LIMIT", 0, 1);
        if (next === undefined) return ids;
        const reason = next.split("/").slice(0, -2).join("/");
        const runs = await redis.hget(running, reason);
        ids.push(...(await blockedFor(reason, Math.min(room(reason, Number(runs)), PAGE))));
        from = `(${reason}0`;
      }
    },

    async firstBlocked(_, reason) {
      const [id] = await blockedFor(reason, 1);
      return id;
    },
  };
}
