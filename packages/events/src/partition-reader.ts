import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { MAX_BLOCK_MS, type RedisClient } from "@ccsp/redis-kit";
import { type Backoff, backoffMs, pause } from "@ccsp/timing";
import type { Logger } from "pino";
import { decodeEvent } from "./event-stream.js";
import { type Entry, type Group, isReply } from "./group.js";
import { type Redelivery, redeliveryMs } from "./redelivery.js";

/** What became of one delivery. */
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
/** Between tries to read while Redis is away. */
const READING: Backoff = { firstMs: 200, longestMs: 5_000 };
// So that an entry that is due by this clock is due by that of Redis, whose milliseconds begin elsewhere.
const MARGIN_MS = 20;

/**
 * Reads one partition until `stop` aborts: entries one after the other in stream order, and what failed again when it is
 * due. A failed entry does not hold up those behind it; only when `maxPending` of them wait, reading pauses.
 */
export async function readPartition(options: PartitionReaderOptions, stop: AbortSignal): Promise<void> {
  const { group, reader, rule, log, maxPending } = options;
  /** Entries that failed here, with the time when they are due again. */
  const failing = new Map<string, number>();
  let scanAtMs = 0;

  const work = async (entries: readonly Entry[]): Promise<void> => {
    let keptAtMs = Date.now();
    for (const [at, entry] of entries.entries()) {
      // What is left undone is offered to the others by `leave`.
      if (stop.aborted) return;
      if (Date.now() - keptAtMs > rule.abandonedMs / 3) {
        await group.keep(entries.slice(at).map((each) => each.id));
        keptAtMs = Date.now();
      }
      failing.delete(entry.id);
      if (!(await deliver(options, entry)))
        failing.set(entry.id, Date.now() + redeliveryMs(rule, entry.deliveries) + MARGIN_MS);
    }
  };

  const turn = async (): Promise<void> => {
    const nextMs = Math.min(scanAtMs, ...failing.values());
    if (Date.now() >= nextMs) {
      scanAtMs = Date.now() + rule.scanMs;
      // Due ones leave the map: claimed here they come back when they fail, claimed elsewhere they are no longer ours.
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
        // Redis came back without it: data lost, or a stream that was deleted. All that is there came after that.
        log.warn("consumer group is missing, making it again");
        await group.ensure("oldest").catch(() => undefined);
      }
      faults += 1;
      log.warn({ err, faults }, "reading events failed, trying again");
      await pause(backoffMs(faults, READING), stop);
    }
  }
}

/** Gives one entry to the handler. False when it failed and will be delivered again. Rejects when Redis does not answer. */
async function deliver(options: PartitionReaderOptions, entry: Entry): Promise<boolean> {
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
    // No later delivery can read it better.
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
  await group.ack(entry.id);
  count(event === undefined ? "unknown" : "handled");
  return true;
}
