import { randomUUID } from "node:crypto";
import { Refusal } from "@ccsp/errors";
import { EVENTS_KEPT, type EventData, encodeEvent, eventsKey } from "@ccsp/events";
import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";

/** One entry of the state, as it was read. */
export interface Entry<T> {
  readonly name: string;
  readonly value: T;
  /** Changes with each change of the entry. */
  readonly revision: string;
}

/** An event that reports a change. Its id is `monitor:<key>`, which must not be used again for another event. */
export interface ChangeEvent {
  readonly key: string;
  readonly time: Date;
  readonly data: EventData;
  readonly agentId?: string;
}

export interface Change<T> {
  readonly name: string;
  /** The entry that the decision was based on. Undefined: there was none. */
  readonly before: Pick<Entry<T>, "revision"> | undefined;
  /** Undefined removes the entry. */
  readonly after: T | undefined;
  readonly events?: readonly ChangeEvent[];
}

/** An entry that this release cannot read. A replica of a newer one may be able to, so the same call may succeed there. */
export class UnreadableEntry extends Refusal {
  constructor(
    message: string,
    readonly revision: string,
    cause: unknown,
  ) {
    super("DEPENDENCY_UNAVAILABLE", message, { cause });
  }
}

/**
 * A part of the monitor's state: named entries that replicas share. An entry and the events that report its change are
 * stored together, and only if the entry is still as it was read. So of two replicas that decide the same, one does it.
 */
export interface StateStore<T> {
  /**
   * Returns all entries, sorted by name. One that cannot be read is left out and logged as an error, once: it must not
   * stop the work on the others.
   */
  list(): Promise<readonly Entry<T>[]>;
  /** Rejects with an UnreadableEntry if the entry cannot be read. */
  get(name: string): Promise<Entry<T> | undefined>;
  /** Returns the names of all entries, with those that cannot be read. */
  names(): Promise<ReadonlySet<string>>;
  /**
   * Returns the stored entry. Returns "conflict" if another call has changed the entry meanwhile: then nothing was
   * stored, and the caller reads and decides again. Returns "removed" if the change removed the entry.
   */
  change(change: Change<T>): Promise<Entry<T> | "conflict" | "removed">;
  /**
   * Removes an entry, also one that cannot be read. Returns what it was, with `undefined` for a value that cannot be
   * read. Undefined: there was none.
   */
  remove(name: string): Promise<{ readonly value: T | undefined } | undefined>;
}

/**
 * The key of a part of the state. The {braces} put it on the cluster node of the events of partition 0, so that one
 * script can change the state and report it (ADR 1).
 */
export const stateKey = (part: string): string => `ccsp:monitor:{0}:${part}`;

export function bindStateScripts(redis: RedisClient) {
  const file = new URL("../../lua/change_state.lua", import.meta.url);
  return { changeState: bindScript(redis, file, ["state", "events"], oneOf("ok", "conflict")) };
}

export interface StateOptions<T> {
  readonly redis: RedisClient;
  /** The last part of the key, for example `alerts`. */
  readonly part: string;
  /** Checks what was stored, perhaps by the release before or after. It throws if it cannot be read. */
  readonly parse: (json: unknown) => T;
  /** Returns what to store of a value, as JSON. The default is the value itself. */
  readonly toJson?: (value: T) => unknown;
  readonly log: Logger;
}

/** Opens a part of the state in Redis. */
export function openState<T>({ redis, part, parse, toJson = (value) => value, log }: StateOptions<T>): StateStore<T> {
  const { changeState } = bindStateScripts(redis);
  const state = stateKey(part);
  const decode = (name: string, stored: string): Entry<T> => {
    const space = stored.indexOf(" ");
    const revision = stored.slice(0, space);
    try {
      return { name, revision, value: parse(JSON.parse(stored.slice(space + 1))) };
    } catch (cause) {
      const what = `the entry ${JSON.stringify(name)} of ${state} cannot be read by this release`;
      throw new UnreadableEntry(what, revision, cause);
    }
  };
  const readableValue = (name: string, stored: string): T | undefined => {
    try {
      return decode(name, stored).value;
    } catch {
      return undefined;
    }
  };
  /** The entries that were found unreadable by the last `list`: each is logged once. */
  let unreadable: ReadonlySet<string> = new Set();
  const readable = (hash: Readonly<Record<string, string>>): Entry<T>[] => {
    const faulty = new Set<string>();
    const entries = Object.entries(hash).flatMap(([name, stored]) => {
      try {
        return [decode(name, stored)];
      } catch (err) {
        faulty.add(stored);
        if (!unreadable.has(stored))
          log.error({ err, key: state, entry: name }, "an entry of the state cannot be read, and is left out");
        return [];
      }
    });
    unreadable = faulty;
    return entries;
  };
  const change = async (
    name: string,
    { from, to, json, fields }: { from: string; to: string; json: string; fields: readonly string[][] },
  ): Promise<"ok" | "conflict"> =>
    orUnavailable(redis, () =>
      changeState(
        { state, events: eventsKey(0) },
        ...[name, from, to, json, EVENTS_KEPT],
        ...fields.flatMap((each) => [each.length, ...each]),
      ),
    );
  return {
    list: async () =>
      readable(await orUnavailable(redis, () => redis.hgetall(state))).sort((a, b) => (a.name < b.name ? -1 : 1)),

    get: async (name) => {
      const stored = await orUnavailable(redis, () => redis.hget(state, name));
      return stored === null ? undefined : decode(name, stored);
    },

    names: async () => new Set(await orUnavailable(redis, () => redis.hkeys(state))),

    change: async ({ name, before, after, events = [] }) => {
      const revision = randomUUID();
      const json = after === undefined ? "" : JSON.stringify(toJson(after));
      const fields = events.map(({ key, ...event }) => encodeEvent({ ...event, id: `monitor:${key}` }));
      const outcome = await change(name, { from: before?.revision ?? "", to: revision, json, fields });
      if (outcome === "conflict") return "conflict";
      return after === undefined ? "removed" : { name, revision, value: after };
    },

    remove: async (name) => {
      for (let tried = 0; tried < REMOVE_TRIES; tried += 1) {
        const stored = await orUnavailable(redis, () => redis.hget(state, name));
        if (stored === null) return undefined;
        const [from = ""] = /^\S+/.exec(stored) ?? [];
        const outcome = await change(name, { from, to: randomUUID(), json: "", fields: [] });
        if (outcome === "conflict") continue;
        return { value: readableValue(name, stored) };
      }
      throw changesTooOften(name);
    },
  };
}

/** How often an entry is removed again when another replica was faster. */
const REMOVE_TRIES = 20;

/** Others change the entry all the time. */
export const changesTooOften = (name: string): Refusal =>
  new Refusal("DEPENDENCY_UNAVAILABLE", `${name} is changed by others all the time`);
