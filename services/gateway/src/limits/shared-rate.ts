import { LRUCache } from "lru-cache";

/** What all replicas together have used in the present window, and when that window ends. */
export interface SharedUse {
  readonly used: number;
  readonly leftMs: number;
}

/** A limit, and what one caller has left of it. */
export interface RateLeft {
  readonly points: number;
  readonly windowMs: number;
  readonly left: number;
  readonly resetMs: number;
}

export interface SharedRateOptions {
  /** The most points in a window. 0: no limit. */
  readonly points: number;
  readonly windowMs: number;
  /** Adds points to the window that the replicas share. It must not reject. */
  readonly add: (who: string, points: number) => Promise<SharedUse>;
  /** For tests. */
  readonly now?: () => number;
}

/** A caller whose unsent points are this part of the limit is reported at once. */
const PART = 10;
/** The callers of which the limit knows anything. It forgets the one that was quiet for longest. */
const MAX_CALLERS = 20_000;

interface Window {
  /** Used at all replicas, by the last answer of the store. */
  shared: number;
  /** Used here, in a report that is not answered yet. */
  sending: number;
  /** Used here and not reported. */
  unsent: number;
  endsAtMs: number;
}

/**
 * A limit per window whose use all replicas share. A call looks only at memory: `sync`, which runs every quarter of a
 * second, reports what was used here and learns what was used elsewhere. So the replicas together let through at most
 * what the others used since the last report, beyond the limit. That is a tenth of the limit for each other replica, and
 * what arrives while a report is on its way. Without an answer of the store, the limit holds for this replica alone.
 */
export class SharedRate {
  readonly #points: number;
  readonly #windowMs: number;
  readonly #add: SharedRateOptions["add"];
  readonly #now: () => number;
  readonly #windows = new LRUCache<string, Window>({ max: MAX_CALLERS });
  readonly #unsent = new Set<string>();

  constructor({ points, windowMs, add, now = () => performance.now() }: SharedRateOptions) {
    this.#points = points;
    this.#windowMs = windowMs;
    this.#add = add;
    this.#now = now;
  }

  /** How long this caller has to wait because it has used up its limit, in ms. 0: it has not. */
  waitMs(who: string): number {
    const window = this.#points === 0 ? undefined : this.#windows.get(who);
    if (!window || window.shared + window.sending + window.unsent < this.#points) return 0;
    return Math.max(0, Math.ceil(window.endsAtMs - this.#now()));
  }

  /** What this caller may still use in its present window. Undefined without a limit. */
  left(who: string): RateLeft | undefined {
    if (this.#points === 0) return undefined;
    const found = this.#windows.get(who);
    const window = found && found.endsAtMs > this.#now() ? found : undefined;
    const used = window ? window.shared + window.sending + window.unsent : 0;
    return {
      points: this.#points,
      windowMs: this.#windowMs,
      left: Math.max(0, Math.floor(this.#points - used)),
      resetMs: window ? Math.ceil(window.endsAtMs - this.#now()) : this.#windowMs,
    };
  }

  spend(who: string, points: number): void {
    if (this.#points === 0 || points === 0) return;
    const nowMs = this.#now();
    let window = this.#windows.get(who);
    if (!window || window.endsAtMs <= nowMs) {
      window = { shared: 0, sending: 0, unsent: 0, endsAtMs: nowMs + this.#windowMs };
      this.#windows.set(who, window);
    }
    window.unsent += points;
    this.#unsent.add(who);
    if (this.#isDue(window)) this.#report(who);
  }

  sync(): void {
    for (const who of this.#unsent) this.#report(who);
  }

  #isDue({ unsent }: Window): boolean {
    return unsent * PART >= this.#points;
  }

  #report(who: string): void {
    const window = this.#windows.get(who);
    if (!window) {
      this.#unsent.delete(who);
      return;
    }
    if (window.sending > 0) return;
    this.#unsent.delete(who);
    window.sending = window.unsent;
    window.unsent = 0;
    void this.#send(who, window);
  }

  async #send(who: string, window: Window): Promise<void> {
    const { used, leftMs } = await this.#add(who, window.sending);
    window.shared = used;
    window.sending = 0;
    window.endsAtMs = this.#now() + leftMs;
    // It was used while this report was on its way. Calls that are refused now report nothing.
    if (this.#isDue(window)) this.#report(who);
  }
}
