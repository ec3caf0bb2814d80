import { Refusal } from "@ccsp/errors";

const RETRY_MS = 1_000;

/** The room of one caller. Amounts are at most all of it. */
export class CallerRoom {
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
