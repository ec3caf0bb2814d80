import type { RedisClient } from "@ccsp/redis-kit";
import type { Candidate, CandidatePage, Cursor, WalkStore, Where } from "../domain/search/search-store.js";
import { CLASSES, isEnded, isHeld } from "../domain/task/task.js";
import type { QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

/** A part of the tasks, in one sorted set. */
interface Source {
  readonly zset: string;
  /** Members from here on, below `last`, by name; absent: they are ids, in no order of use. */
  readonly range?: { readonly first: string; readonly last: string };
  readonly read: (member: string) => Candidate;
}

/** Which tasks may be meant by a filter: from the indexes of their states or, where these hold more, from what agents own. */
export function createCandidateReads(
  redis: RedisClient,
  keys: QueueKeys,
  {
    scripts,
    engines,
    clock,
  }: { scripts: Pick<Scripts, "readPlaces">; engines: readonly string[]; clock: () => number | "" },
): Omit<WalkStore, "earliestNow"> {
  const { load, parked, pinned, blocked, leases, ended, owned } = keys;
  const lines = engines.flatMap((engine) => CLASSES.map((priority) => keys.engine(engine)[`${priority}Lines`]));

  const ofAgent = (agent: string | undefined): Required<Source>["range"] =>
    agent === undefined ? { first: "-", last: "+" } : { first: `[${agent}/`, last: `(${agent}0` };

  const inLine = ({ engine, classes, agent }: Where): Source[] => {
    const priorities = classes.length > 0 ? classes : CLASSES;
    return engines
      .filter((each) => engine === undefined || each === engine)
      .flatMap((each) =>
        priorities.map((priority) => ({
          zset: keys.engine(each)[`${priority}Lines`],
          range: ofAgent(agent),
          read: readPlace,
        })),
      );
  };

  /** In the order in which tasks go from one to the other, so that one which does meanwhile is met. */
  const byState = (where: Where): Source[] => {
    const { states } = where;
    const isMeant = (zset: string, meant: boolean): Source[] => (meant ? [{ zset, read: readEnd }] : []);
    const queued = states.includes("QUEUED");
    return [
      ...isMeant(parked, states.includes("PARKED") || states.includes("SCHEDULED")),
      ...isMeant(blocked, queued),
      ...isMeant(pinned, queued),
      ...(queued ? inLine(where) : []),
      ...isMeant(leases, states.some(isHeld)),
      ...isMeant(ended, states.some(isEnded)),
    ];
  };
  const byAgent = ({ agent }: Where): Source[] => [{ zset: owned, range: ofAgent(agent), read: readEnd }];

  const sizeOf = async (sources: readonly Source[]): Promise<number> => {
    const sizes = await Promise.all(
      sources.map(({ zset, range }) => (range ? redis.zlexcount(zset, range.first, range.last) : redis.zcard(zset))),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  };

  const begin = async (where: Where): Promise<Place> => {
    const [[now, complete], indexed, all] = await Promise.all([
      scripts.readPlaces({ load, parked, pinned, blocked, lines }, clock()),
      sizeOf(byState(where)),
      sizeOf(byAgent(where)),
    ]);
    const known = complete !== "" || !where.states.includes("QUEUED");
    return { asOf: Number(now), by: known && indexed <= all ? "state" : "agent", source: 0, at: "" };
  };

  const readNamed = async ({ zset, range = EVERYTHING }: Source, at: string, count: number) => {
    const members = await redis.zrangebylex(zset, at || range.first, range.last, "LIMIT", 0, count);
    return { members, at: members.length < count ? undefined : `(${members.at(-1)}` };
  };
  const readAll = async ({ zset }: Source, at: string, count: number) => {
    const [next, flat] = await redis.zscan(zset, at || "0", "COUNT", count);
    return { members: flat.filter((_, i) => i % 2 === 0), at: next === "0" ? undefined : next };
  };

  return {
    beginWalk: async (where) => encode(await begin(where)),

    async candidates(where, count, cursor): Promise<CandidatePage> {
      const place = decode(cursor);
      const sources = place.by === "state" ? byState(where) : byAgent(where);
      const source = sources[place.source];
      if (source === undefined) return { asOf: place.asOf, found: [] };
      const { members, at } = await (source.range ? readNamed : readAll)(source, place.at, count);
      const next = at === undefined ? { ...place, source: place.source + 1, at: "" } : { ...place, at };
      return {
        asOf: place.asOf,
        found: members.map(source.read),
        ...(next.source < sources.length && { next: encode(next) }),
      };
    },
  };
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

const EVERYTHING = { first: "-", last: "+" };

/** Of a member that is an id, or ends with one. */
const readEnd = (member: string): Candidate => ({ id: member.slice(member.lastIndexOf("/") + 1) });

/** agent/age/id */
function readPlace(member: string): Candidate {
  const [agent = "", age = "", id = ""] = member.split("/");
  return { id, waits: { agent, sinceMs: Number.parseInt(age, 16) } };
}
