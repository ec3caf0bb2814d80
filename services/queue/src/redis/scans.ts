import type {
  Candidate,
  CandidatePage,
  ConfirmationStore,
  Cursor,
  ScanStore,
  Where,
} from "../domain/search/search-store.js";
import { CLASSES, isEnded, isHeld } from "../domain/task/task.js";
import type { Shard } from "./shard.js";

/** A part of the tasks, in one sorted set. */
interface Source {
  readonly zset: string;
  /** Members between these two, in the order of their names. When absent, all members are read, in no order. */
  readonly range?: readonly [first: string, last: string];
  readonly read: (member: string) => Candidate;
}

/** Scans the tasks that a filter may mean: by the indexes of their states, or by that of owners when it is shorter. */
export const createScans = (shard: Shard): ScanStore => ({
  earliestNow: shard.now,
  beginScan: async (where) => encode(await begin(shard, where)),

  async candidates(where, count, cursor): Promise<CandidatePage> {
    const place = decode(cursor);
    const sources = (place.by === "state" ? byState : byAgent)(shard, where);
    const source = sources[place.source];
    if (source === undefined) return { asOf: place.asOf, found: [] };
    const { members, at } = await readMembers(shard, source, place.at, count);
    const next = at === undefined ? { ...place, source: place.source + 1, at: "" } : { ...place, at };
    return {
      asOf: place.asOf,
      found: members.map(source.read),
      ...(next.source < sources.length && { next: encode(next) }),
    };
  },
});

/** Remembers what waits for a person's confirmation. */
export const createConfirmations = ({ redis, scripts, keys: { confirmation } }: Shard): ConfirmationStore => ({
  async keepConfirmation(name, preparedMs, keptMs) {
    await scripts.keepConfirmation({ confirmation: confirmation(name) }, preparedMs, keptMs);
  },

  async takeConfirmation(name) {
    const preparedMs = await redis.getdel(confirmation(name));
    return preparedMs === null ? undefined : Number(preparedMs);
  },
});

async function begin(shard: Shard, where: Where): Promise<Place> {
  const { scripts, engines, keys, clock } = shard;
  const { load, parked, pinned, blocked } = keys;
  const lines = engines.flatMap((engine) => CLASSES.map((priority) => keys.engine(engine)[`${priority}Lines`]));
  const [[now, complete], indexed, all] = await Promise.all([
    scripts.readPlaces({ load, parked, pinned, blocked, lines }, clock()),
    sizeOf(shard, byState(shard, where)),
    sizeOf(shard, byAgent(shard, where)),
  ]);
  const known = complete !== "" || !where.states.includes("QUEUED");
  return { asOf: Number(now), by: known && indexed <= all ? "state" : "agent", source: 0, at: "" };
}

/** The order follows the way of a task from one index to the next, so the scan meets a task that moves on meanwhile. */
function byState(shard: Shard, where: Where): Source[] {
  const { parked, pinned, blocked, leases, ended } = shard.keys;
  const { states } = where;
  const isMeant = (zset: string, meant: boolean): Source[] => (meant ? [{ zset, read: readEnd }] : []);
  const queued = states.includes("QUEUED");
  return [
    ...isMeant(parked, states.includes("PARKED") || states.includes("SCHEDULED")),
    ...isMeant(blocked, queued),
    ...isMeant(pinned, queued),
    ...(queued ? inLine(shard, where) : []),
    ...isMeant(leases, states.some(isHeld)),
    ...isMeant(ended, states.some(isEnded)),
  ];
}

function inLine({ engines, keys }: Shard, { engine, classes, agent }: Where): Source[] {
  const range = ofAgent(agent);
  const priorities = classes.length > 0 ? classes : CLASSES;
  const meant = engines.filter((each) => engine === undefined || each === engine);
  return meant.flatMap((each) =>
    priorities.map((priority) => ({ zset: keys.engine(each)[`${priority}Lines`], range, read: readPlace })),
  );
}

const byAgent = ({ keys }: Shard, { agent }: Where): Source[] => [
  { zset: keys.owned, range: ofAgent(agent), read: readEnd },
];

/** "0" follows "/" in ASCII, so `agent0` is the end of an agent's members. */
const ofAgent = (agent: string | undefined): Required<Source>["range"] =>
  agent === undefined ? ["-", "+"] : [`[${agent}/`, `(${agent}0`];

async function sizeOf({ redis }: Shard, sources: readonly Source[]): Promise<number> {
  const sizes = await Promise.all(
    sources.map(({ zset, range }) => (range ? redis.zlexcount(zset, ...range) : redis.zcard(zset))),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** The next members, and where the page after them begins; undefined when these are the last. */
async function readMembers({ redis }: Shard, { zset, range }: Source, at: string, count: number) {
  if (range) {
    const [first, last] = range;
    const members = await redis.zrangebylex(zset, at || first, last, "LIMIT", 0, count);
    return { members, at: members.length < count ? undefined : `(${members.at(-1)}` };
  }
  const [next, flat] = await redis.zscan(zset, at || "0", "COUNT", count);
  return { members: flat.filter((_, i) => i % 2 === 0), at: next === "0" ? undefined : next };
}

interface Place {
  readonly asOf: number;
  readonly by: "state" | "agent";
  readonly source: number;
  readonly at: string;
}

const encode = (place: Place): Cursor => JSON.stringify(place);
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `encode` makes them
const decode = (cursor: Cursor): Place => JSON.parse(cursor) as Place;

/** A member that is an id, or ends with one. */
const readEnd = (member: string): Candidate => ({ id: member.slice(member.lastIndexOf("/") + 1) });

/** A member `agent/age/id`. */
function readPlace(member: string): Candidate {
  const [agent = "", age = "", id = ""] = member.split("/");
  return { id, waits: { agent, sinceMs: Number.parseInt(age, 16) } };
}
