import type { DueStore, NextDue } from "../due/due-store.js";
import type { Shards } from "./shards.js";

/** Finds what is due in any shard. */
export const shardedDue = ({ all, idsOfAll }: Shards): DueStore => ({
  overdueLeases: (count) => idsOfAll((store) => store.overdueLeases(count)),
  dueParked: (count) => idsOfAll((store) => store.dueParked(count)),
  dueAlarms: (count) => idsOfAll((store) => store.dueAlarms(count)),
  async nextDue(seen) {
    const answers = await all((store, shard) => store.nextDue(seen && [seen[shard] ?? 0]));
    const first = (kind: keyof NextDue["waits"]) => Math.min(...answers.map(({ waits }) => waits[kind]));
    return {
      seen: answers.flatMap((answer) => answer.seen),
      waits: { tasks: first("tasks"), gates: first("gates"), refills: first("refills") },
    };
  },
  expiredEnds: (...args) => idsOfAll((store) => store.expiredEnds(...args)),
  forgetExecutors: async (silentMs) => void (await all((store) => store.forgetExecutors(silentMs))),
});
