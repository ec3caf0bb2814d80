import type { ConfirmationStore, Cursor, ListStore, ScanStore } from "../search/search-store.js";
import { idInShard, shardOfTask } from "../task/shard.js";
import type { Shards } from "./shards.js";

/** The tasks of an agent are listed from its shard. */
export const shardedLists = ({ all, idsOfAll, ofAgent, shardOfAgent }: Shards): ListStore => ({
  owners: () => idsOfAll((store) => store.owners()),
  newestOf: (agent, before, count) =>
    ofAgent(agent).newestOf(agent, before && idInShard(before, shardOfAgent(agent)), count),
  listIds: (agent, before, count) =>
    ofAgent(agent).listIds(agent, before && idInShard(before, shardOfAgent(agent)), count),
  async findAll(ids) {
    const found = await all((store, shard) => store.findAll(ids.filter((id) => shardOfTask(id) === shard)));
    const byId = new Map(found.flat().map((task) => [task.id, task]));
    return ids.flatMap((id) => byId.get(id) ?? []);
  },
});

/** A scan goes through the shards one after the other. */
export const shardedScans = ({ all, first, shardOfAgent, stores }: Shards): ScanStore => ({
  earliestNow: async () => Math.min(...(await all((store) => store.earliestNow()))),
  // All shards start the scan at the same time. So no shard includes tasks that are accepted after the start.
  async beginScan(where) {
    const inAll = await all(async (store, shard) => ({ shard, at: await store.beginScan(where) }));
    const meant = where.agent === undefined ? inAll : inAll.slice(shardOfAgent(where.agent)).slice(0, 1);
    return encodePosition(meant);
  },
  async candidates(where, count, cursor) {
    const [here, ...rest] = decodePosition(cursor);
    if (here === undefined) throw new Error("there is no shard");
    const page = await (stores[here.shard] ?? first).candidates(where, count, here.at);
    const ahead = page.next === undefined ? rest : [{ ...here, at: page.next }, ...rest];
    const { asOf, found } = page;
    return { asOf, found, ...(ahead.length > 0 && { next: encodePosition(ahead) }) };
  },
});

export const shardedConfirmations = ({ first }: Shards): ConfirmationStore => ({
  keepConfirmation: (...args) => first.keepConfirmation(...args),
  takeConfirmation: (name) => first.takeConfirmation(name),
});

/** The position of a scan in each shard that it has not finished. */
type ScanPosition = readonly { readonly shard: number; readonly at: Cursor }[];
const encodePosition = (position: ScanPosition): Cursor => JSON.stringify(position);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `encodePosition` makes them
const decodePosition = (cursor: Cursor): ScanPosition => JSON.parse(cursor) as ScanPosition;
