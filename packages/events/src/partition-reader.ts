import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { MAX_BLOCK_MS, type RedisClient } from "@ccsp/redis-kit";
import { type Backoff, backoffMs, pause } from "@ccsp/timing";
import type { Logger } from "pino";
import { decodeEvent } from "./event-stream.js";
import { type Entry, type Group, isReply } from "./group.js";
import { type Redelivery, redeliveryMs } from "./redelivery.js";

/** The outcome of one delivery. */
export type Outcome = "handled" | "failed" | "parked" | "unknown";

export interface PartitionReaderOptions {
  readonly partition: number;
  readonly group: Group;
  readonly reader: RedisClient;
  readonly handle: (event: Event) => Promise<void>;
  readonly count: (outcome: Outcome) => void;
  readonly log: Logger;
  readonly rule: Redelivery;
  readonly maxPending: number;
}

const BATCH = 32;
/** The back-off between tries to read while Redis is down. */
const READING: Backoff = { firstMs: 200, longestMs: 5_000 };
// An entry that is due by the clock of this process must also be due by the clock of Redis. Their milliseconds begin at
// different moments.
const MARGIN_MS = 20;

/**
 * Reads one partition until `stop` aborts. It handles the entries one after the other in stream order, and failed
 * entries again when they are due. A failed entry does not delay the entries behind it. Only when `maxPending` failed
 * entries wait does it stop reading.
 */
export async function readPartition(options: PartitionReaderOptions, stop: AbortSignal): Promise<void> {
  const { group, reader, rule, log, maxPending } = options;
  /** The entries that failed here, with the time when each is due again. */
  const failing = new Map<string, number>();
  let scanAtMs = 0;

  const work = async (entries: readonly Entry[]): Promise<void> => {
    let keptAtMs = Date.now();
    const acks: Promise<void>[] = [];
    // The acknowledgements travel while the next entries are handled. They still come in order.
    const ack = (id: string): void => {
      const sent = group.ack(id);
      sent.catch(() => undefined);
      acks.push(sent);
    };
    for (const [at, entry] of entries.entries()) {
      // `leave` offers the unfinished entries to the other consumers.
      if (stop.aborted) break;
      if (Date.now() - keptAtMs > rule.abandonedMs / 3) {
        await group.keep(entries.slice(at).map((each) => each.id));
        keptAtMs = Date.now();
      }
      failing.delete(entry.id);
      if (!(await deliver(options, entry, ack)))
        failing.set(entry.id, Date.now() + redeliveryMs(rule, entry.deliveries) + MARGIN_MS);
    }
    await Promise.all(acks);
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
    else await work(await group.read(reader, Math.min(BATCH, maxPending - failing.size), waitMs));
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
 * Passes one entry to the handler, and to `ack` when it is done. Resolves to false if it failed and will be delivered
 * again. Rejects if Redis does not answer.
 */
async function deliver(options: PartitionReaderOptions, entry: Entry, ack: (id: string) => void): Promise<boolean> {
  const { partition, group, handle, count, log, rule } = options;
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
    event = decodeEvent(partition, entry.id, entry.fields);
  } catch (err) {
    // A later delivery cannot decode it either.
    return park(err);
  }
  if (event !== undefined) {
    try {
      await handle(event);
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
