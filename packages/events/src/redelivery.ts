import { backoffMs } from "@ccsp/timing";

/** When a pending entry is given to a handler again, and when it is given up. Times in ms. */
export interface Redelivery {
  /** Wait after the first failure; doubles with each delivery. */
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Deliveries after which an entry is parked. */
  readonly maxDeliveries: number;
  /** An entry that its consumer has not touched for this long belongs to a dead process: others may take it. */
  readonly abandonedMs: number;
  /** How often to look for entries of dead consumers. */
  readonly scanMs: number;
}

/**
 * 0.5, 1, 2 … 32, 60, 60 … seconds: sixteen deliveries take about ten minutes, so that an outage of what the handler
 * needs, with a person to mend it, parks nothing.
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

/** How long an entry must be left alone after its n-th delivery before it is delivered again. */
export function redeliveryMs({ firstBackoffMs, maxBackoffMs }: Redelivery, deliveries: number): number {
  return backoffMs(deliveries, { firstMs: firstBackoffMs, longestMs: maxBackoffMs });
}

/** Idle time that an entry needs before `consumer` may take it; the owner's own is due after the back-off alone. */
export function dueAfterMs(rule: Redelivery, entry: PendingEntry, consumer: string): number {
  const backoff = redeliveryMs(rule, entry.deliveries);
  return entry.consumer === consumer ? backoff : Math.max(backoff, rule.abandonedMs);
}
