/** Tells which executors there are. */
export interface ExecutorStore {
  executors(seenWithinMs: number): Promise<readonly ExecutorView[]>;
}

/** What an executor can run of one engine. */
export interface Offer {
  readonly engine: string;
  /** The login that its runs use. */
  readonly account: string;
  readonly freeSlots: number;
  /** In all, busy or not. */
  readonly slots: number;
  /** For people. */
  readonly version: string;
}

export interface ExecutorView {
  readonly id: string;
  readonly leases: number;
  readonly seenMs: number;
  readonly draining: boolean;
  readonly offers: readonly Offer[];
}

/** An executor that called within this is there: it calls more often than that. */
export const PRESENT_MS = 30_000;
/** One that called within this is still shown and asked, though it missed several calls. */
export const LATELY_MS = 60_000;
