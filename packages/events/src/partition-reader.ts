import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { MAX_BLOCK_MS, type RedisClient } from "@ccsp/redis-kit";
import { type Backoff, backoffMs, pause } from "@ccsp/timing";
import type { Logger } from "pino";
import type { Tell } from "./event-data.js";
import { decodeEvent } from "./event-stream.js";
import { type Entry, type Group, isReply } from "./group.js";
import { type Redelivery, redeliveryMs } from "./redelivery.js";

/** The outcome of one delivery. */
export type Outcome = "handled" | "failed" | "parked" | "unknown";

/** Where an event is on the stream, and how it came. */
export interface Delivery {
  readonly partition: number;
  /** The id in the stream, such as `1700000000123-0`. Ids of one partition grow, also when events come out of order. */
  readonly id: string;
  /** The number of deliveries, including this one. */
  readonly deliveries: number;
}

export interface PartitionReaderOptions {
  readonly partition: number;
  readonly group: Group;
  readonly reader: RedisClient;
  readonly handle: (event: Event, delivery: Delivery) => Promise<void>;
  readonly count: (outcome: Outcome) => void;
  /** Called for each enum value that this version does not know. */
  readonly tell: Tell;
  readonly log: Logger;
  readonly rule: Redelivery;
  readonly maxPending: number;
  /** The most events that are handled at the same time. */
  readonly inFlight: number;
}

/** The most entries that one read returns, if not more of them are handled at the same time. */
const BATCH = 32;
/** The back-off between tries to read while Redis is down. */
const READING: Backoff = { firstMs: 200, longestMs: 5_000 };
// An entry that is due by the clock of this process must also be due by the clock of Redis. Their milliseconds begin at
// different moments.
const MARGIN_MS = 20;

/**
 * Reads one partition until `stop` aborts. It starts the entries in stream order, with at most `inFlight` of them
 * running, and handles failed entries again when they are due. A failed entry does not delay the entries behind it.
 * Only when `maxPending` failed entries wait does it stop reading.
 */
export async function readPartition(options: PartitionReaderOptions, stop: AbortSignal): Promise<void> {
  const { group, reader, rule, log, maxPending, inFlight } = options;
  /** The entries that failed here, with the time when each is due again. */
  const failing = new Map<string, number>();
  let scanAtMs = 0;

  const work = async (entries: readonly Entry[]): Promise<void> => {
    let keptAtMs = Date.now();
    const acks = collectAcks(group);
    const next = entries.values();
    const unfinished = new Set(entries.map(({ id }) => id));
    const handleNext = async (): Promise<void> => {
      // The workers share the iterator, so each entry is handled once.
      for (const entry of next) {
        // `leave` offers the unfinished entries to the other consumers.
        if (stop.aborted) break;
        if (Date.now() - keptAtMs > rule.abandonedMs / 3) {
          keptAtMs = Date.now();
          await group.keep([...unfinished]);
        }
        failing.delete(entry.id);
        if (!(await deliver(options, entry, acks.add)))
          failing.set(entry.id, Date.now() + redeliveryMs(rule, entry.deliveries) + MARGIN_MS);
        unfinished.delete(entry.id);
      }
    };
    // All of them end before the next turn: entries that are still handled must not be claimed again.
    const ended = await Promise.allSettled(Array.from({ length: Math.min(inFlight, entries.length) }, handleNext));
    await acks.sent();
    for (const each of ended) if (each.status === "rejected") throw each.reason;
  };

  const turn = async (): Promise<void> => {
    const nextMs = Math.min(scanAtMs, ...failing.values());
    if (Date.now() >= nextMs) {
      scanAtMs = Date.now() + rule.scanMs;
      // Due entries leave the map. If this consumer claims one and it fails, it comes back into the map. If another
      // consumer claims it, it is no longer ours.
      for (const [id, dueMs] of failing) if (dueMs <= Date.now()) failing.delete(id);
      await work(await group.claimDue(rule));
      return;
    }
    const waitMs = Math.max(1, Math.min(nextMs - Date.now(), MAX_BLOCK_MS / 2));
    if (failing.size >= maxPending) await pause(waitMs, stop);
    else await work(await group.read(reader, Math.min(Math.max(BATCH, inFlight), maxPending - failing.size), waitMs));
  };

  for (let faults = 0; !stop.aborted; ) {
    try {
      await turn();
      faults = 0;
    } catch (err) {
      if (stop.aborted) return;
      if (isReply(err, "NOGROUP")) {
        // Redis came back without the group: data was lost, or the stream was deleted. All present entries were added
        // after that, so start at the oldest.
        log.warn("consumer group is missing, making it again");
        await group.ensure("oldest").catch(() => undefined);
      }
      faults += 1;
      log.warn({ err, faults }, "reading events failed, trying again");
      await pause(backoffMs(faults, READING), stop);
    }
  }
}

/**
 * Acknowledges entries while the next ones are handled, still in order. Entries that end in the same turn of the event
 * loop need one command together. `sent` resolves when Redis has all of them.
 */
function collectAcks(group: Group): { readonly add: (id: string) => void; readonly sent: () => Promise<void> } {
  let ids: string[] = [];
  const acks: Promise<void>[] = [];
  const send = (): void => {
    if (ids.length === 0) return;
    const sent = group.ack(ids);
    sent.catch(() => undefined);
    acks.push(sent);
    ids = [];
  };
  return {
    add: (id) => {
      if (ids.length === 0) setImmediate(send);
      ids.push(id);
    },
    sent: async () => {
      send();
      await Promise.all(acks);
    },
  };
}

/**
 * Passes one entry to the handler, and to `ack` when it is done. Resolves to false if it failed and will be delivered
 * again. Rejects if Redis does not answer.
 */
async function deliver(options: PartitionReaderOptions, entry: Entry, ack: (id: string) => void): Promise<boolean> {
  const { partition, group, handle, count, tell, log, rule } = options;
  const about = { event: `${partition}:${entry.id}`, deliveries: entry.deliveries };
  const park = async (err: unknown): Promise<true> => {
    log.error({ ...about, err }, "event parked");
    await group.park(entry.id, err instanceof Error ? err.message : String(err));
    count("parked");
    return true;
  };

  if (entry.deliveries > rule.maxDeliveries) return park(new Error("delivered too often without an end"));
  let event: Event | undefined;
  try {
    event = decodeEvent(partition, entry.id, entry.fields, tell);
  } catch (err) {
    // A later delivery cannot decode it either.
    return park(err);
  }
  if (event !== undefined) {
    try {
      await handle(event, { partition, id: entry.id, deliveries: entry.deliveries });
    } catch (err) {
      if (entry.deliveries >= rule.maxDeliveries) return park(err);
      log.warn({ ...about, err }, "event not handled, will be delivered again");
      count("failed");
      return false;
    }
  }
  ack(entry.id);
  count(event === undefined ? "unknown" : "handled");
  return true;
}
