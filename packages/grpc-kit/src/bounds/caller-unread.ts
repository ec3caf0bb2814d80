import { setImmediate as turn } from "node:timers/promises";
import { Refusal } from "@ccsp/errors";

const RETRY_MS = 1_000;

/** Counts the unread bytes of one caller against its limit. No single amount is larger than the limit. */
export class CallerUnread {
  /** The number of calls that share this limit. */
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

  /**
   * Waits until the bytes fit under the limit. Waiting calls are served in the order of their arrival. `held` means
   * that the bytes are in memory already. The held bytes that wait may together not exceed the limit: further ones are
   * refused with CALLER_LIMIT.
   */
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
    // A caller that leaves ends many streams at once. Without this turn, the first end would serve a stream whose own
    // end is behind it in the same packet, and so on: the work of all of them, for nobody.
    await turn();
    if (!signal.aborted) return;
    this.giveBack(bytes);
    throw signal.reason;
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
    return new Refusal("CALLER_LIMIT", "read what was sent, or have fewer large answers in progress", {
      retryAfterMs: RETRY_MS,
      quota: [{ subject: "unread_bytes", description }],
    });
  }
}

/**
 * The limits of all callers. A message that is larger than the limit of a caller counts as the whole
 * limit.
 */
export class UnreadBytes {
  readonly #callers = new Map<string, CallerUnread>();
  readonly callerBytes: number;
  readonly waitMs: number;

  constructor({ callerBytes, waitMs }: { readonly callerBytes: number; readonly waitMs: number }) {
    this.callerBytes = callerBytes;
    this.waitMs = waitMs;
  }

  /**
   * Adds a call to the limit of its caller. The limit exists while one of the caller's calls is open, also if no bytes
   * are unread.
   */
  enter(caller: string): CallerUnread {
    const unread = this.#callers.get(caller) ?? new CallerUnread(this.callerBytes);
    this.#callers.set(caller, unread);
    unread.calls += 1;
    return unread;
  }

  leave(caller: string, unread: CallerUnread): void {
    unread.calls -= 1;
    if (unread.calls === 0) this.#callers.delete(caller);
  }
}
