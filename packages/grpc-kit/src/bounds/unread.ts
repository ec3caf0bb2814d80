import type { CallerUnread, UnreadBytes } from "./caller-unread.js";

/**
 * The bytes that this process sent to a caller and that the caller has not taken yet. This process holds them in memory
 * until then. The calls of one caller share one limit.
 */
export interface Unread {
  /**
   * Counts the bytes of this call for this caller from now on. Only the first name counts. Without a name, only the
   * limit of the stream itself applies.
   */
  countFor(caller: string): void;
  /**
   * Waits until this many more bytes fit under the caller's limit. The next message uses them up. Call it before you
   * read data only to send it: then the data is not in memory during the wait. Refuses with CALLER_LIMIT if the wait is
   * too long.
   */
  reserve(bytes: number): Promise<void>;
  /** Reserves without waiting. Returns false if the bytes do not fit. */
  tryReserve(bytes: number): boolean;
}

/** An answer up to this size is not counted, so that a caller who does not read its streams can still call. */
export const SMALL_BYTES = 64 * 1024;

/** The part of its caller's limit that one call uses. */
export class CallUnread implements Unread {
  readonly #all: UnreadBytes;
  readonly #signal: () => AbortSignal;
  #caller = "";
  #callerUnread: CallerUnread | undefined;
  #taken = 0;
  #reserved = 0;
  #closed = false;

  constructor(all: UnreadBytes, signal: () => AbortSignal) {
    this.#all = all;
    this.#signal = signal;
  }

  countFor(caller: string): void {
    if (this.#closed || this.#callerUnread !== undefined) return;
    this.#caller = caller;
    this.#callerUnread = this.#all.enter(caller);
  }

  async reserve(bytes: number): Promise<void> {
    if (bytes <= SMALL_BYTES || this.#callerUnread === undefined) return;
    const missing = this.#cost(bytes) - this.#reserved;
    if (missing <= 0) return;
    await this.#take(missing, false);
    this.#reserved += missing;
  }

  tryReserve(bytes: number): boolean {
    // The call is over, so no later step would give the bytes back.
    if (bytes <= SMALL_BYTES || this.#callerUnread === undefined || this.#closed) return true;
    const missing = this.#cost(bytes) - this.#reserved;
    if (missing <= 0) return true;
    if (!this.#callerUnread.tryTake(missing)) return false;
    this.#taken += missing;
    this.#reserved += missing;
    return true;
  }

  /**
   * Counts a message of this many bytes. Returns the number of bytes to give back when the caller has taken the
   * message. If bytes were reserved, that number is the reserved bytes. Messages up to `uncounted` bytes are free.
   */
  async take(bytes: number, uncounted = SMALL_BYTES): Promise<number> {
    const reserved = this.#reserved;
    this.#reserved = 0;
    if (reserved > 0 || bytes <= uncounted) return reserved;
    const cost = this.#cost(bytes);
    await this.#take(cost, true);
    return cost;
  }

  giveBack(bytes: number): void {
    if (this.#closed || bytes === 0) return;
    this.#taken -= bytes;
    this.#callerUnread?.giveBack(bytes);
  }

  /** Call it when the call is over: the caller has taken everything, or never will. */
  close(): void {
    if (this.#closed) return;
    this.giveBack(this.#taken);
    this.#closed = true;
    if (this.#callerUnread) this.#all.leave(this.#caller, this.#callerUnread);
  }

  #cost(bytes: number): number {
    return Math.min(bytes, this.#all.callerBytes);
  }

  async #take(bytes: number, held: boolean): Promise<void> {
    const callerUnread = this.#callerUnread;
    if (callerUnread === undefined || bytes === 0) return;
    await callerUnread.take(bytes, { held, waitMs: this.#all.waitMs, signal: this.#signal() });
    this.#taken += bytes;
    if (this.#closed) callerUnread.giveBack(bytes);
  }
}
