import { inTurn } from "@ccsp/timing";

/** Reports the calls in progress at this replica, and returns those at the other replicas, in the same order. */
export type ReportCalls = (calls: readonly (readonly [who: string, count: number])[]) => Promise<readonly number[]>;

export interface SharedCallsOptions {
  /** The most calls in progress of one caller. 0: no limit. */
  readonly max: number;
  /** A report is valid for this time. A replica that crashed is forgotten after it. */
  readonly leaseMs: number;
  readonly report: ReportCalls;
  /** For tests. */
  readonly now?: () => number;
}

/** A caller whose count changed by this part of the limit is reported at once. */
const PART = 10;
/** In a lease, each count is reported this many times, so that a late report loses nothing. */
const REPORTS_PER_LEASE = 3;

interface Calls {
  own: number;
  /** In progress at the other replicas, by the last answer of the store. */
  others: number;
  othersUntilMs: number;
  sent: number;
  sentAtMs: number;
  /** A call was refused since the last report: the others may have fewer by now. */
  refused: boolean;
}

/**
 * A limit of calls in progress whose use all replicas share. A call looks only at memory: `sync`, which runs every
 * quarter of a second, reports the counts of this replica and learns those of the others.
 */
export class SharedCalls {
  readonly #options: SharedCallsOptions;
  readonly #now: () => number;
  readonly #callers = new Map<string, Calls>();
  /** Resolves when what had changed is reported. One report at a time: while one is unanswered, the next one waits. */
  readonly sync = inTurn(() => this.#report());

  constructor(options: SharedCallsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Counts one more call. Returns what ends it, or undefined if the caller has as many calls as it may have. */
  enter(who: string): (() => void) | undefined {
    const { max } = this.#options;
    if (max === 0) return () => undefined;
    const calls = this.#callers.get(who) ?? newCalls();
    this.#callers.set(who, calls);
    const others = this.#now() < calls.othersUntilMs ? calls.others : 0;
    if (calls.own + others >= max) {
      calls.refused = true;
      return undefined;
    }
    calls.own += 1;
    this.#reportIfFar(calls);
    return () => {
      calls.own -= 1;
      this.#reportIfFar(calls);
    };
  }

  #reportIfFar({ own, sent }: Calls): void {
    if (Math.abs(own - sent) * PART >= this.#options.max) void this.sync();
  }

  async #report(): Promise<void> {
    const { leaseMs, report } = this.#options;
    const nowMs = this.#now();
    const due = [...this.#callers].filter(
      ([, { own, sent, sentAtMs, refused }]) =>
        own !== sent || refused || (own > 0 && nowMs - sentAtMs >= leaseMs / REPORTS_PER_LEASE),
    );
    if (due.length > 0) {
      const counts = due.map(([who, calls]) => [who, calls.own] as const);
      for (const [, calls] of due) calls.refused = false;
      const others = await report(counts);
      due.forEach(([, calls], index) => {
        calls.sent = counts[index]?.[1] ?? 0;
        calls.sentAtMs = nowMs;
        calls.others = others[index] ?? 0;
        calls.othersUntilMs = nowMs + leaseMs;
      });
    }
    for (const [who, { own, sent, refused }] of this.#callers)
      if (own === 0 && sent === 0 && !refused) this.#callers.delete(who);
  }
}

const newCalls = (): Calls => ({ own: 0, others: 0, othersUntilMs: 0, sent: 0, sentAtMs: 0, refused: false });
