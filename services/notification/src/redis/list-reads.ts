import { orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Delivered } from "../domain/notice.js";
import type { ListQuery, NoticeStore, Page, Undelivered } from "../domain/notice-store.js";
import { fromJsonLine } from "../text/json-line.js";
import { KEYS } from "./keys.js";
import type { Shared } from "./shared.js";
import { storedDelivery, storedNotice } from "./stored.js";

/** The number of entries that are read at once when a page is filtered. */
const BATCH = 500;

/** Lists what was delivered, and what was not, page by page. */
export function listReads(
  { redis }: Pick<Shared, "redis">,
  { log }: { readonly log: Logger },
): Pick<NoticeStore, "listDelivered" | "listUndelivered" | "isPosition"> {
  return {
    listDelivered: (query) => listDelivered(redis, query, log),
    listUndelivered: (state, query) => listUndelivered(redis, state === "dead" ? KEYS.dead : KEYS.waiting, query),

    // The ids of entries begin with the time in ms, which is never 0. Nothing comes before `0-0`, and Redis answers
    // that with an error. A position in a list of what was not delivered has the channel and the id besides.
    isPosition: (text, state) =>
      (state === "delivered" ? /^[1-9]\d{0,15}-\d{1,16}$/ : /^[1-9]\d{0,15} [a-z0-9-]+ \S.*$/).test(text),
  };
}

/** A position is the score of the last entry on a page and the entry. */
async function listUndelivered(redis: RedisClient, key: string, query: ListQuery): Promise<Page<Undelivered>> {
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
    for (const { position, entry } of await undeliveredAt(redis, places))
      if (eventType === "" || entry.notice.kind === eventType) found.push({ position, entry });
    if (page.length < 2 * count) break;
  }
  return pageOf(found, size);
}

async function undeliveredAt(
  redis: RedisClient,
  places: readonly Place[],
): Promise<{ position: string; entry: Undelivered }[]> {
  if (places.length === 0) return [];
  const [about, records] = await orUnavailable(redis, () =>
    Promise.all([
      redis.hmget(KEYS.notices, ...places.map(({ id }) => id)),
      redis.hmget(KEYS.deliveries, ...places.map(({ field }) => field)),
    ]),
  );
  return places.flatMap(({ field, score, name }, at) => {
    const [notice, delivery] = [about[at], records[at]];
    if (!notice || !delivery) return [];
    const entry = { notice: storedNotice(notice).notice, delivery: storedDelivery(name, delivery) };
    return [{ position: `${score} ${field}`, entry }];
  });
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
async function listDelivered(redis: RedisClient, query: ListQuery, log: Logger): Promise<Page<Delivered>> {
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
      const entry = entryOf(notification, position, log);
      if (entry && (channel === "" || entry.channel === channel)) found.push({ position, entry });
    }
    from = entries.at(-1)?.[0];
    if (entries.length < count) break;
  }
  return pageOf(found, size);
}

/** Undefined for a line that is not JSON: one such line must not cost the page. */
function entryOf(line: string, position: string, log: Logger): Delivered | undefined {
  try {
    return fromJsonLine(line);
  } catch (err) {
    log.error({ err, position }, "an entry of the list of deliveries cannot be read, so the list leaves it out");
    return undefined;
  }
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
