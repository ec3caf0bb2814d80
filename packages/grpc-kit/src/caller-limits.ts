import { Refusal } from "@ccsp/errors";

/** What one caller may do at a time, over all of its connections. */
export interface CallerLimits {
  /** Requests that have begun and whose body has not arrived: this process holds what came of each. More of them wait. */
  readonly unfinishedRequests: number;
  /** How long a body may take to arrive. */
  readonly bodyMs: number;
  /** Calls that it may abandon in a second, in the long run; three times as many at once. Beyond, its calls are refused until the rate is that again. */
  readonly abandonedPerSecond: number;
}

/** Seconds of its rate that a caller may use up at once. */
const BURST_S = 3;

export type Limit = "unfinished_requests" | "abandoned_calls";

export function limited(limit: Limit, description: string, retryAfterMs: number): Refusal {
  return new Refusal("CALLER_LIMIT", `this caller ${description}`, {
    retryAfterMs,
    quota: [{ subject: limit, description }],
  });
}

/** What one caller does now. */
export class CallerState {
  readonly #limits: CallerLimits;
  readonly #nowMs: () => number;
  #unfinished = 0;
  readonly #waiting = new Set<() => void>();
  #abandoned = 0;
  #lost: string | undefined;
  #atMs: number;

  constructor(limits: CallerLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#atMs = nowMs();
  }

  get idle(): boolean {
    return this.#unfinished === 0 && this.#waiting.size === 0 && this.#level() === 0;
  }

  /** Throws CALLER_LIMIT while the caller has abandoned too many calls. */
  check(): void {
    const { abandonedPerSecond: rate } = this.#limits;
    const over = this.#level() - rate * BURST_S;
    if (over < 0) return;
    const waitMs = Math.ceil((1_000 * (over + 1)) / rate);
    throw limited("abandoned_calls", `gives up more calls than ${rate} a second; let them end`, waitMs);
  }

  /**
   * A call was given up before it was answered. `lost`: its connection, if that has ended: all that was on it counts once, since a client that
   * went away gave up nothing.
   */
  abandon(lost: string | undefined): void {
    if (lost !== undefined && lost === this.#lost) return;
    this.#lost = lost;
    this.#abandoned = this.#level() + 1;
  }

  /** `go` is called when a body may arrive, at once where it may now. Answers how to leave the line, or to say that the body is there. */
  begin(go: () => void): () => void {
    let left = false;
    const enter = (): void => {
      this.#unfinished += 1;
      this.#waiting.delete(enter);
      go();
    };
    if (this.#unfinished < this.#limits.unfinishedRequests) enter();
    else this.#waiting.add(enter);
    return () => {
      if (left) return;
      left = true;
      if (this.#waiting.delete(enter)) return;
      this.#unfinished -= 1;
      const [next] = this.#waiting;
      next?.();
    };
  }

  #level(): number {
    const nowMs = this.#nowMs();
    const gone = (this.#limits.abandonedPerSecond * (nowMs - this.#atMs)) / 1_000;
    this.#abandoned = Math.max(0, this.#abandoned - gone);
    this.#atMs = nowMs;
    return this.#abandoned;
  }
}

/** The callers of one server; whoever does nothing is forgotten. */
export function createCallers(limits: CallerLimits, nowMs: () => number): (caller: string) => CallerState {
  const callers = new Map<string, CallerState>();
  return (caller) => {
    const known = callers.get(caller);
    if (known) return known;
    for (const [name, state] of callers) if (state.idle) callers.delete(name);
    const state = new CallerState(limits, nowMs);
    callers.set(caller, state);
    return state;
  };
}
