import { randomUUID } from "node:crypto";
import { asList, bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Delivered, Delivery } from "../domain/notice.js";
import type { ChannelState, Claim, ListQuery, NoticeStore, Page, Undelivered } from "../domain/notice-store.js";
import { fromJsonLine, toJsonLine } from "../text/json-line.js";
import { deliveryJson, noticeJson, storedDelivery, storedMatter, storedNotice } from "./stored.js";

/** The {braces} put all keys on one cluster node. */
const PREFIX = "ccsp:notify:{log}:";
/** `entries` and `delivered` are those of release 0.2.0 too. */
export const KEYS = {
  notices: `${PREFIX}notices`,
  deliveries: `${PREFIX}deliveries`,
  matters: `${PREFIX}matters`,
  digests: `${PREFIX}digests`,
  ended: `${PREFIX}ended`,
  accepted: `${PREFIX}accepted`,
  delivered: `${PREFIX}delivered`,
  waiting: `${PREFIX}waiting`,
  left: `${PREFIX}left`,
  sequence: `${PREFIX}sequence`,
  states: `${PREFIX}states`,
  done: `${PREFIX}done`,
  dead: `${PREFIX}dead`,
  log: `${PREFIX}entries`,
} as const;

const queueKeys = (channel: string) => ({
  due: `${PREFIX}due:${channel}`,
  order: `${PREFIX}order:${channel}`,
  claimed: `${PREFIX}claimed:${channel}`,
});

/**
 * An event is normally delivered again within minutes. But a consumer group that was made again reads everything that
 * the stream still holds.
 */
const KEEP_IDS_MS = 24 * 3_600_000;
/** The number of entries that are read at once when a page is filtered. */
const BATCH = 500;

/** How long a channel that keeps failing is left alone. It doubles with each further failure. */
const BREAK = { firstMs: 5_000, longestMs: 300_000 };

export interface NoticeStoreOptions {
  /** All channels of the configuration. */
  readonly channels: readonly string[];
  /** Deliveries in the list, ended notices with their attempts, and ended matters that are kept. */
  readonly kept?: number;
  /** Time between the first message of a matter and the one that tells of its repeats. It doubles each time. */
  readonly digestMs?: number;
  /** Failures of a channel in a row after which it is tried with one delivery at a time. */
  readonly breakAfter?: number;
  /** The time in ms, for tests. Undefined: the clock of Redis. */
  readonly clock?: (() => number) | undefined;
}

export function bindNoticeScripts(redis: RedisClient) {
  const file = (name: string) => new URL(`../../lua/${name}.lua`, import.meta.url);
  const number = (reply: unknown): number => Number(reply);
  const { notices, deliveries, matters } = {
    notices: "notices",
    deliveries: "deliveries",
    matters: "matters",
  } as const;
  return {
    acceptNotice: bindScript(
      redis,
      file("accept_notice"),
      [
        notices,
        deliveries,
        matters,
        "digests",
        "ended",
        "accepted",
        "delivered",
        "waiting",
        "left",
        "sequence",
        "...queues",
      ],
      oneOf("ok", "repeat", "counted", "late"),
    ),
    tellRepeats: bindScript(
      redis,
      file("tell_repeats"),
      [notices, deliveries, matters, "digests", "waiting", "left", "sequence", "...queues"],
      number,
    ),
    claimDeliveries: bindScript(
      redis,
      file("claim_deliveries"),
      ["states", "due", "order", "claimed", notices, deliveries, matters],
      (reply) => asList(reply).map(String),
    ),
    settleDelivery: bindScript(
      redis,
      file("settle_delivery"),
      [
        ...(["states", "due", "order", "claimed", notices, deliveries, matters, "waiting", "left", "done"] as const),
        ...(["dead", "log", "delivered"] as const),
      ],
      oneOf("ok", "repeat", "lost"),
    ),
    retryDelivery: bindScript(
      redis,
      file("retry_delivery"),
      [deliveries, "dead", "waiting", "sequence", "due", "order", "claimed"],
      oneOf("ok", "missing", "delivered"),
    ),
  };
}

/** Keeps the notices in Redis. All of it is on one node. */
export function createRedisNoticeStore(
  redis: RedisClient,
  { channels, kept = 10_000, digestMs = 60_000, breakAfter = 5, clock }: NoticeStoreOptions,
): NoticeStore {
  const scripts = bindNoticeScripts(redis);
  const queues = channels.map(queueKeys).flatMap(({ due, order, claimed }) => [due, order, claimed]);
  const now = (): string => (clock === undefined ? "" : String(clock()));
  const { notices, deliveries, matters, digests, ended, accepted, delivered, waiting, left, sequence } = KEYS;
  const { states, done, dead, log } = KEYS;
  /** The stored form of each delivery that a worker of this process has. */
  const storedOf = new WeakMap<Claim, string>();

  return {
    accept: (notice, routes, { place = "", newestEnd = "" } = {}) => {
      const routed = new Map(routes.map((route) => [route.channel, route]));
      const perChannel = channels.flatMap((name) => {
        const { mode, notBefore } = routed.get(name) ?? { mode: "-", notBefore: undefined };
        return [name, mode, notBefore?.getTime() ?? 0];
      });
      return orUnavailable(redis, () =>
        scripts.acceptNotice(
          { notices, deliveries, matters, digests, ended, accepted, delivered, waiting, left, sequence, queues },
          now(),
          notice.id,
          noticeJson(notice),
          notice.dedupKey,
          notice.action,
          notice.endTime?.getTime() ?? "",
          notice.severity === "critical" ? "1" : "",
          notice.openIssue ? "1" : "",
          digestMs,
          KEEP_IDS_MS,
          kept,
          place,
          newestEnd,
          ...perChannel,
        ),
      );
    },

    tellRepeats: () =>
      scripts.tellRepeats(
        { notices, deliveries, matters, digests, waiting, left, sequence, queues },
        now(),
        ...channels,
      ),

    claim: async (channel, { most, perMinute, leaseMs }) => {
      const token = randomUUID();
      const keys = { states, ...queueKeys(channel), notices, deliveries, matters };
      const [next = "-1", ...rest] = await scripts.claimDeliveries(
        keys,
        now(),
        channel,
        token,
        leaseMs,
        most,
        perMinute,
        breakAfter,
      );
      const claims: Claim[] = [];
      for (let at = 0; at + 3 < rest.length; at += 4) {
        const [member = "", stored = "", delivery = "", matter = ""] = rest.slice(at, at + 4);
        const { notice, repeats } = storedNotice(stored);
        const claim: Claim = {
          channel,
          notice,
          repeats,
          id: member.split(" ").slice(2).join(" "),
          ref: matter === "" ? undefined : storedMatter(matter).refs[channel],
          delivery: storedDelivery(channel, delivery),
          claim: `${token} ${member}`,
        };
        storedOf.set(claim, delivery);
        claims.push(claim);
      }
      return { claims, nextMs: Number(next) < 0 ? undefined : Number(next) };
    },

    settle: (claim, settlement) => {
      const { outcome, delivery, retryMs, ref, pauseMs, channelIs, delivered: entry } = settlement;
      const [token = "", ...member] = claim.claim.split(" ");
      const keys = { states, ...queueKeys(claim.channel), notices, deliveries, matters };
      const json = deliveryJson(storedOf.get(claim) ?? "{}", delivery, delivery.nextTime?.getTime() ?? 0);
      return scripts.settleDelivery(
        { ...keys, waiting, left, done, dead, log, delivered },
        now(),
        claim.channel,
        member.join(" "),
        token,
        outcome,
        json,
        retryMs,
        ref ?? "",
        pauseMs,
        channelIs,
        claim.notice.kind,
        entry === undefined ? "" : toJsonLine(entry),
        kept,
        KEEP_IDS_MS,
        breakAfter,
        BREAK.firstMs,
        BREAK.longestMs,
      );
    },

    retry: (channel, id) =>
      orUnavailable(redis, () =>
        scripts.retryDelivery({ deliveries, dead, waiting, sequence, ...queueKeys(channel) }, now(), channel, id),
      ),

    find: async (id) => {
      const stored = await orUnavailable(redis, () => redis.hget(notices, id));
      if (stored === null) return undefined;
      const { notice, channels: names } = storedNotice(stored);
      return { notice, deliveries: await deliveriesOf(id, names) };
    },

    matter: async (key) => {
      const stored = await orUnavailable(redis, () => redis.hget(matters, key));
      return stored === null ? undefined : storedMatter(stored);
    },

    channelStates: async () => {
      const found = await orUnavailable(redis, async () => {
        const all = await redis.hgetall(states);
        return Promise.all(
          channels.map(async (name): Promise<[string, ChannelState]> => {
            const { failures, paused_until } = JSON.parse(all[name] ?? "{}");
            const pausedMs = Number(paused_until ?? 0);
            const pausedUntil = pausedMs > (clock?.() ?? Date.now()) ? new Date(pausedMs) : undefined;
            const count = await redis.zcard(queueKeys(name).order);
            return [name, { waiting: count, failures: Number(failures ?? 0), pausedUntil }];
          }),
        );
      });
      return new Map(found);
    },

    listDelivered: (query) => listDelivered(redis, query),
    listUndelivered: (state, query) => listUndelivered(state === "dead" ? dead : waiting, query),

    // The ids of entries begin with the time in ms, which is never 0. Nothing comes before `0-0`, and Redis answers
    // that with an error. A position in a list of what was not delivered has the channel and the id besides.
    isPosition: (text, state) =>
      (state === "delivered" ? /^[1-9]\d{0,15}-\d{1,16}$/ : /^[1-9]\d{0,15} [a-z0-9-]+ \S.*$/).test(text),
  };

  async function deliveriesOf(id: string, names: readonly string[]): Promise<Delivery[]> {
    if (names.length === 0) return [];
    const fields = names.map((name) => `${name} ${id}`);
    const stored = await orUnavailable(redis, () => redis.hmget(deliveries, ...fields));
    return names.flatMap((name, at) => {
      const each = stored[at];
      return each ? [storedDelivery(name, each)] : [];
    });
  }

  /** A position is the score of the last entry on a page and the entry. */
  async function listUndelivered(key: string, query: ListQuery): Promise<Page<Undelivered>> {
    const { after, size, eventType, channel } = query;
    const found: { position: string; entry: Undelivered }[] = [];
    const [fromScore, fromField] = after === undefined ? ["+inf", ""] : splitAtSpace(after);
    // Looks for one entry more than the page needs. It shows whether there is a next page.
    const count = eventType === "" && channel === "" ? size + 1 : BATCH;
    for (let skip = 0; found.length <= size; skip += count) {
      const page = await orUnavailable(redis, () =>
        redis.zrevrangebyscore(key, fromScore, "-inf", "WITHSCORES", "LIMIT", skip, count),
      );
      const places = placesIn(page).filter(
        ({ field, score, name }) =>
          // Entries of one time are sorted by their text, the last one first.
          !(after !== undefined && score === fromScore && field >= fromField) && (channel === "" || channel === name),
      );
      for (const { position, entry } of await undeliveredAt(places))
        if (eventType === "" || entry.notice.kind === eventType) found.push({ position, entry });
      if (page.length < 2 * count) break;
    }
    return pageOf(found, size);
  }

  async function undeliveredAt(places: readonly Place[]): Promise<{ position: string; entry: Undelivered }[]> {
    if (places.length === 0) return [];
    const [about, records] = await orUnavailable(redis, () =>
      Promise.all([
        redis.hmget(notices, ...places.map(({ id }) => id)),
        redis.hmget(deliveries, ...places.map(({ field }) => field)),
      ]),
    );
    return places.flatMap(({ field, score, name }, at) => {
      const [notice, delivery] = [about[at], records[at]];
      if (!notice || !delivery) return [];
      const entry = { notice: storedNotice(notice).notice, delivery: storedDelivery(name, delivery) };
      return [{ position: `${score} ${field}`, entry }];
    });
  }
}

/** An entry of a list of what was not delivered. */
interface Place {
  readonly field: string;
  readonly score: string;
  readonly name: string;
  readonly id: string;
}

/** Reads the answer of Redis: fields and scores in turn. */
function placesIn(page: readonly string[]): Place[] {
  return page.flatMap((field, at) => {
    if (at % 2 === 1) return [];
    const [name, id] = splitAtSpace(field);
    return [{ field, score: page[at + 1] ?? "", name, id }];
  });
}

/** A position is the id of the last entry on a page. */
async function listDelivered(redis: RedisClient, query: ListQuery): Promise<Page<Delivered>> {
  const { after, size, eventType, channel } = query;
  const found: { position: string; entry: Delivered }[] = [];
  let from = after;
  // Looks for one entry more than the page needs. It shows whether there is a next page.
  while (found.length <= size) {
    const count = eventType === "" && channel === "" ? size + 1 : BATCH;
    const newest = from === undefined ? "+" : `(${from}`;
    const entries = await orUnavailable(redis, () => redis.xrevrange(KEYS.log, newest, "-", "COUNT", count));
    for (const [position, [, type, , notification = ""]] of entries) {
      if (eventType !== "" && type !== eventType) continue;
      const entry = fromJsonLine(notification);
      if (channel === "" || entry.channel === channel) found.push({ position, entry });
    }
    from = entries.at(-1)?.[0];
    if (entries.length < count) break;
  }
  return pageOf(found, size);
}

function pageOf<T>(found: readonly { position: string; entry: T }[], size: number): Page<T> {
  const page = found.slice(0, size);
  return {
    entries: page.map(({ entry }) => entry),
    next: found.length > size ? page.at(-1)?.position : undefined,
  };
}

function splitAtSpace(text: string): [string, string] {
  const space = text.indexOf(" ");
  return [text.slice(0, space), text.slice(space + 1)];
}
