import { LRUCache } from "lru-cache";

/** Failed log-ins that the replicas count together. No function rejects. */
export interface FailureStore {
  /** Counts one more failure of a minute, and returns the number of them. */
  add(who: string): Promise<number>;
  /** Keeps the number for this time from now on. */
  keep(who: string, failures: number, ms: number): void;
  forget(who: string): void;
}

export interface LockoutOptions {
  /** The failure in a minute with which the first lock begins. 0: there are no locks. */
  readonly failures: number;
  readonly store: FailureStore;
  /** Called when a lock begins. */
  readonly onLocked: (who: string, ms: number) => void;
  /** For tests. */
  readonly now?: () => number;
}

const MINUTE_MS = 60_000;
const FIRST_MS = 1_000;
const LONGEST_MS = 15 * MINUTE_MS;
const MAX_KNOWN = 20_000;

interface Failures {
  count: number;
  lockedUntilMs: number;
  forgetAtMs: number;
}

/**
 * Locks out who fails to log in. The first lock takes 1 s, and each further failure doubles it, up to 15 minutes. A
 * minute without a failure after a lock ends the series. The replicas share the count: a replica learns of a lock by the
 * first failure that it sees itself.
 */
export class Lockout {
  readonly #options: LockoutOptions;
  readonly #now: () => number;
  readonly #known = new LRUCache<string, Failures>({ max: MAX_KNOWN });

  constructor(options: LockoutOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Time until the lockout ends, in ms. 0: not locked out. */
  waitMs(who: string): number {
    const { lockedUntilMs = 0 } = this.#known.get(who) ?? {};
    return Math.max(0, Math.ceil(lockedUntilMs - this.#now()));
  }

  failed(who: string): void {
    if (this.#options.failures === 0) return;
    const nowMs = this.#now();
    const before = this.#known.get(who);
    const known =
      before && nowMs < before.forgetAtMs ? before : { count: 0, lockedUntilMs: 0, forgetAtMs: nowMs + MINUTE_MS };
    this.#known.set(who, known);
    known.count += 1;
    this.#lock(who, known);
    void this.#share(who, known);
  }

  async #share(who: string, known: Failures): Promise<void> {
    const { store } = this.#options;
    const all = await store.add(who);
    if (this.#known.get(who) !== known) return;
    if (all > known.count) {
      known.count = all;
      this.#lock(who, known);
    }
    if (known.lockedUntilMs > 0) store.keep(who, known.count, known.forgetAtMs - this.#now());
  }

  /** Ends the lock here and the shared count. At another replica, a lock that has begun lasts its time. */
  succeeded(who: string): void {
    if (this.#options.failures === 0) return;
    this.#known.delete(who);
    this.#options.store.forget(who);
  }

  #lock(who: string, known: Failures): void {
    const { failures, onLocked } = this.#options;
    if (known.count < failures) return;
    const ms = Math.min(LONGEST_MS, FIRST_MS * 2 ** (known.count - failures));
    known.lockedUntilMs = this.#now() + ms;
    known.forgetAtMs = known.lockedUntilMs + MINUTE_MS;
    onLocked(who, ms);
  }
}
