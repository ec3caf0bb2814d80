import type { CallerRoom, UnreadBytes } from "./caller-room.js";

/**
 * Bytes that were sent to a caller and that it has not taken: this process holds them, in one piece or another, until it does. Calls that are
 * counted for one caller share its room.
 */
export interface Unread {
  /** What this call sends counts for this caller from now on; the first who is named. Without it nothing bounds a call but its own stream. */
  countFor(caller: string): void;
  /**
   * Waits until the caller may have so many bytes more; the next message takes them up. For what is read only to be sent, so that it is not held
   * meanwhile. Refuses with CALLER_LIMIT when there was no room for too long.
   */
  reserve(bytes: number): Promise<void>;
  /** The same without waiting: false when there is no room. */
  tryReserve(bytes: number): boolean;
}

/** Messages up to this size are not counted: whatever is done, a stream has one of them in the buffers of its connection. */
export const SMALL_BYTES = 64 * 1024;

/** What one call has of its caller's room. */
export class CallUnread implements Unread {
  readonly #all: UnreadBytes;
  readonly #signal: () => AbortSignal;
  #caller = "";
  #room: CallerRoom | undefined;
  #taken = 0;
  #reserved = 0;
  #closed = false;

  constructor(all: UnreadBytes, signal: () => AbortSignal) {
    this.#all = all;
    this.#signal = signal;
  }

  countFor(caller: string): void {
    if (this.#closed || this.#room !== undefined) return;
    this.#caller = caller;
    this.#room = this.#all.enter(caller);
  }

  async reserve(bytes: number): Promise<void> {
    if (bytes <= SMALL_BYTES || this.#room === undefined) return;
    const missing = this.#cost(bytes) - this.#reserved;
    if (missing <= 0) return;
    await this.#take(missing, false);
    this.#reserved += missing;
  }

  tryReserve(bytes: number): boolean {
    // What a call that is over takes, nobody would give back.
    if (bytes <= SMALL_BYTES || this.#room === undefined || this.#closed) return true;
    const missing = this.#cost(bytes) - this.#reserved;
    if (missing <= 0) return true;
    if (!this.#room.tryTake(missing)) return false;
    this.#taken += missing;
    this.#reserved += missing;
    return true;
  }

  /** For a message of so many bytes; answers what is to be given back when its caller has it. What was reserved is what it costs. */
  async take(bytes: number): Promise<number> {
    const reserved = this.#reserved;
    this.#reserved = 0;
    if (reserved > 0 || bytes <= SMALL_BYTES) return reserved;
    const cost = this.#cost(bytes);
    await this.#take(cost, true);
    return cost;
  }

  giveBack(bytes: number): void {
    if (this.#closed || bytes === 0) return;
    this.#taken -= bytes;
    this.#room?.giveBack(bytes);
  }

  /** The call is over and its caller has everything, or never will. */
  close(): void {
    if (this.#closed) return;
    this.giveBack(this.#taken);
    this.#closed = true;
    if (this.#room) this.#all.leave(this.#caller, this.#room);
  }

  #cost(bytes: number): number {
    return Math.min(bytes, this.#all.callerBytes);
  }

  async #take(bytes: number, held: boolean): Promise<void> {
    const room = this.#room;
    if (room === undefined || bytes === 0) return;
    await room.take(bytes, { held, waitMs: this.#all.waitMs, signal: this.#signal() });
    this.#taken += bytes;
    if (this.#closed) room.giveBack(bytes);
  }
}
