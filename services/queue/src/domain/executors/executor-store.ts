import type { RunPolicy } from "./run-policy.js";

/** Lists executors. */
export interface ExecutorStore {
  executors(seenWithinMs: number): Promise<readonly ExecutorView[]>;
}

/** What an executor offers for one engine. */
export interface Offer {
  readonly engine: string;
  /** The login that its runs use. */
  readonly account: string;
  readonly freeSlots: number;
  /** All slots, busy or free. */
  readonly slots: number;
  /** The version of the engine. It is only shown to people. */
  readonly version: string;
  /** The newest change of the slots that the executor has decided by itself. */
  readonly slotChange?: SlotChange;
  /** What tasks may ask for there. Absent: everything, as far as the queue knows. */
  readonly policy?: RunPolicy;
}

/** A change of an executor's slots that it decided by itself. */
export interface SlotChange {
  readonly before: number;
  readonly after: number;
  readonly reason: string;
  /** By the clock of the executor, in ms since 1970. */
  readonly timeMs: number;
  /** The executor only says what it would do. */
  readonly dryRun: boolean;
}

export interface ExecutorView {
  readonly id: string;
  readonly leases: number;
  readonly seenMs: number;
  readonly draining: boolean;
  readonly offers: readonly Offer[];
  /** Host and port at which other services reach it. Empty: an executor of an earlier release did not say. */
  readonly address: string;
}

/** An executor that called within this time is present: executors call more often. */
export const PRESENT_MS = 30_000;
/** An executor that called within this time is still shown and asked, although it missed several calls. */
export const LATELY_MS = 60_000;
