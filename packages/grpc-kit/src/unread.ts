import { Refusal } from "@ccsp/errors";

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

const RETRY_MS = 1_000;

/** The room of one caller. Amounts are at most all of it. */
class CallerRoom {
  /** Calls that share it. */
  calls = 0;
  readonly #bytes: number;
  #taken = 0;
  #waitingHeld = 0;
  readonly #waiting = new Set<{ readonly bytes: number; go(): void }>();

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  tryTake(bytes: number): boolean {
    if (this.#waiting.size > 0 || !this.#fits(bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  /** In the order in which they came. `held`: the bytes are in memory already, so that only as many as the room has may wait. */
  async take(bytes: number, how: { held: boolean; waitMs: number; signal: AbortSignal }): Promise<void> {
    if (this.tryTake(bytes)) return;
    const { held, waitMs, signal } = how;
    signal.throwIfAborted();
    if (held && this.#waitingHeld + bytes > this.#bytes) throw this.#full();
    const heldBytes = held ? bytes : 0;
    this.#waitingHeld += heldBytes;
    await new Promise<void>((resolve, reject) => {
      const leave = (end: () => void) => (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", aborted);
        this.#waitingHeld -= heldBytes;
        if (this.#waiting.delete(entry)) this.#next();
        end();
      };
      const entry = { bytes, go: leave(resolve) };
      const aborted = leave(() => reject(signal.reason));
      const late = leave(() => reject(this.#full()));
      const timer = setTimeout(late, waitMs);
      signal.addEventListener("abort", aborted, { once: true });
      this.#waiting.add(entry);
    });
  }

  giveBack(bytes: number): void {
    this.#taken -= bytes;
    this.#next();
  }

  #next(): void {
    for (const entry of this.#waiting) {
      if (!this.#fits(entry.bytes)) return;
      this.#waiting.delete(entry);
      this.#taken += entry.bytes;
      entry.go();
    }
  }

  #fits(bytes: number): boolean {
    return this.#taken + bytes <= this.#bytes;
  }

  #full(): Refusal {
    const description = `has ${this.#taken} bytes that it does not read, at most ${this.#bytes}`;
    return new Refusal("CALLER_LIMIT", "read what was sent, or have fewer large answers under way", {
      retryAfterMs: RETRY_MS,
      quota: [{ subject: "unread_bytes", description }],
    });
  }
}

/** The callers of one server. A message that is larger than all of a caller's room takes all of it. */
export class UnreadBytes {
  readonly #callers = new Map<string, CallerRoom>();
  readonly callerBytes: number;
  readonly waitMs: number;

  constructor({ callerBytes, waitMs }: { readonly callerBytes: number; readonly waitMs: number }) {
    this.callerBytes = callerBytes;
    this.waitMs = waitMs;
  }

  /** The room that a caller's calls share. It is kept for as long as one of them is open, also while nothing is on the way. */
  enter(caller: string): CallerRoom {
    const room = this.#callers.get(caller) ?? new CallerRoom(this.callerBytes);
    this.#callers.set(caller, room);
    room.calls += 1;
    return room;
  }

  leave(caller: string, room: CallerRoom): void {
    room.calls -= 1;
    if (room.calls === 0) this.#callers.delete(caller);
  }
}

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
