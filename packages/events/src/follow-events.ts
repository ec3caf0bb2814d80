import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { asList, fieldsOf, MAX_BLOCK_MS, type RedisClient, type RedisConnection } from "@ccsp/redis-kit";
import { type Backoff, backoffMs, pause } from "@ccsp/timing";
import type { Logger } from "pino";
import { logUnknown, type Tell } from "./event-data.js";
import { decodeEvent, eventsKey } from "./event-stream.js";

/** An entry of one partition. Its event is undefined if this version does not know its type or cannot read it. */
export interface FollowedEntry {
  readonly partition: number;
  /** The id in the stream, such as `1700000000123-0`. Ids of one partition grow. */
  readonly id: string;
  readonly event: Event | undefined;
}

export interface Follower {
  /** The id of the newest entry that was passed on, for each partition. */
  readonly position: readonly string[];
  /** Passes nothing on any more. */
  close(): void;
}

export interface FollowOptions {
  readonly redis: RedisConnection;
  readonly partitions: number;
  /** It must not throw. */
  readonly onEntry: (entry: FollowedEntry) => void;
  /** Entries of this partition were trimmed before they were read. Nobody knows how many. */
  readonly onLost: (partition: number) => void;
  readonly log: Logger;
}

const BATCH = 512;
const READING: Backoff = { firstMs: 200, longestMs: 5_000 };

/**
 * Reads every event from now on, without a group: each process that follows gets all of them, at most once, and Redis
 * keeps nothing about it. Events of one partition come in stream order. What happens while nobody follows can be read
 * with `readEvents`. It takes one connection per partition.
 *
 * Resolves when the start is known: every later event is passed on. Rejects if Redis is down.
 */
export async function followEvents({ redis, partitions, ...options }: FollowOptions): Promise<Follower> {
  const stop = new AbortController();
  const tell = logUnknown(options.log);
  const newest = Array.from({ length: partitions }, async (_, each) => (await streamEnds(redis.client, each)).newest);
  const position = await Promise.all(newest);
  const opened = await Promise.allSettled(
    position.map(async (_, partition) => {
      const reader = await redis.duplicate();
      const reading = { ...options, tell, client: redis.client, reader, partition, position };
      void followPartition(reading, stop.signal);
      return reader;
    }),
  );
  const readers = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const close = (): void => {
    stop.abort();
    for (const reader of readers) redis.release(reader);
  };
  const failed = opened.find((each) => each.status === "rejected");
  if (failed !== undefined) {
    close();
    throw failed.reason;
  }
  return { position, close };
}

interface Reading extends Pick<FollowOptions, "onEntry" | "onLost" | "log"> {
  readonly tell: Tell;
  readonly client: RedisClient;
  readonly reader: RedisClient;
  readonly partition: number;
  readonly position: string[];
}

async function followPartition(reading: Reading, stop: AbortSignal): Promise<void> {
  const { client, reader, partition, position, onEntry, onLost, tell, log } = reading;
  const blocks = ["COUNT", BATCH, "BLOCK", MAX_BLOCK_MS / 2, "STREAMS", eventsKey(partition)] as const;
  let faults = 0;
  while (!stop.aborted) {
    const from = position[partition] ?? START;
    try {
      const reply: unknown = await reader.xread(...blocks, from);
      const entries = entriesOf(partition, asList(asList(reply)[0])[1], tell);
      // A full batch may mean that this reader is late, and that the stream was trimmed meanwhile. After a fault, too.
      const late = entries.length === BATCH || faults > 0;
      const lost = late && wasTrimmed(await streamEnds(client, partition), from);
      if (stop.aborted) return;
      if (lost) onLost(partition);
      for (const entry of entries) {
        position[partition] = entry.id;
        onEntry(entry);
      }
      faults = 0;
    } catch (err) {
      if (stop.aborted) return;
      faults += 1;
      log.warn({ err, partition, faults }, "following events failed, trying again");
      await pause(backoffMs(faults, READING), stop);
    }
  }
}

/** The entries after this id, in stream order, at most `count`. */
export async function readEvents(
  client: RedisClient,
  partition: number,
  { after, count }: { readonly after: string; readonly count: number },
): Promise<readonly FollowedEntry[]> {
  const reply: unknown = await client.xrange(eventsKey(partition), `(${after}`, "+", "COUNT", count);
  return entriesOf(partition, reply);
}

export interface StreamEnds {
  /** The id of the oldest entry that is kept. Undefined: there is none. */
  readonly oldest: string | undefined;
  /** The highest id that an entry of this partition ever had. */
  readonly newest: string;
  /** Older entries were removed. */
  readonly trimmed: boolean;
}

/** The position before the first entry. */
const START = "0-0";

/** Where the stream of a partition begins and ends now. */
export async function streamEnds(client: RedisClient, partition: number): Promise<StreamEnds> {
  const info = await client.call("XINFO", "STREAM", eventsKey(partition)).then(fieldsOf, ifMissing);
  if (info === undefined) return { oldest: undefined, newest: START, trimmed: false };
  const [oldest] = asList(info.get("first-entry"));
  return {
    oldest: typeof oldest === "string" ? oldest : undefined,
    newest: String(info.get("last-generated-id")),
    trimmed: Number(info.get("entries-added")) > Number(info.get("length")),
  };
}

/** Whether entries after this id may have been removed. */
export const wasTrimmed = ({ oldest, newest, trimmed }: StreamEnds, after: string): boolean =>
  trimmed && isBefore(after, oldest ?? newest);

/** Whether an entry id is lower than another one of the same partition. */
export function isBefore(a: string, b: string): boolean {
  const [[aMs = 0, aAt = 0], [bMs = 0, bAt = 0]] = [a.split("-").map(Number), b.split("-").map(Number)];
  return aMs < bMs || (aMs === bMs && aAt < bAt);
}

/** The stream does not exist before its first event. */
function ifMissing(error: unknown): undefined {
  if (error instanceof Error && /no such key/i.test(error.message)) return undefined;
  throw error;
}

function entriesOf(partition: number, list: unknown, tell?: Tell): FollowedEntry[] {
  return asList(list)
    .map(asList)
    .map(([id, fields]) => ({
      partition,
      id: String(id),
      event: eventOf(partition, String(id), asList(fields), tell),
    }));
}

/** The groups park what cannot be read, and log it. */
function eventOf(partition: number, id: string, fields: readonly unknown[], tell?: Tell): Event | undefined {
  try {
    return decodeEvent(partition, id, fields.map(String), tell);
  } catch {
    return undefined;
  }
}
