import { backoffMs } from "@ccsp/timing";

/** The rules for pending entries: when a handler gets an entry again, and when the entry is parked. Times are in ms. */
export interface Redelivery {
  /** The wait after the first failure. It doubles with each delivery. */
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  /** The number of deliveries after which an entry is parked. */
  readonly maxDeliveries: number;
  /**
   * If a consumer has not touched an entry for this long, the consumer counts as dead, and others may take the entry.
   */
  readonly abandonedMs: number;
  /** How often to search for entries of dead consumers. */
  readonly scanMs: number;
}

/**
 * The waits are 0.5, 1, 2 … 32, 60, 60 … seconds. Sixteen deliveries take about ten minutes. So an outage of something
 * that the handler needs parks no entry if a person repairs it in that time.
 */
export const REDELIVERY: Redelivery = {
  firstBackoffMs: 500,
  maxBackoffMs: 60_000,
  maxDeliveries: 16,
  abandonedMs: 30_000,
  scanMs: 10_000,
};

/** What Redis knows about an entry that was delivered and not acknowledged. */
export interface PendingEntry {
  readonly id: string;
  readonly consumer: string;
  readonly idleMs: number;
  readonly deliveries: number;
}

/** Returns the wait after the n-th delivery of an entry, before it is delivered again. */
export function redeliveryMs({ firstBackoffMs, maxBackoffMs }: Redelivery, deliveries: number): number {
  return backoffMs(deliveries, { firstMs: firstBackoffMs, longestMs: maxBackoffMs });
}

/**
 * Returns the idle time that an entry needs before `consumer` may take it. The consumer that owns the entry waits only
 * for the back-off.
 */
export function dueAfterMs(rule: Redelivery, entry: PendingEntry, consumer: string): number {
  const backoff = redeliveryMs(rule, entry.deliveries);
  return entry.consumer === consumer ? backoff : Math.max(backoff, rule.abandonedMs);
}
