import { limited } from "@ccsp/errors";

/** The limits of one caller. They count over all of its connections. */
export interface CallerLimits {
  /**
   * The most requests that have begun and whose body has not arrived yet. This process holds the received part of each
   * body. Further requests wait.
   */
  readonly unfinishedRequests: number;
  /** The longest time for a body to arrive, in ms. */
  readonly bodyMs: number;
  /**
   * The most calls that the caller may abandon per second, on average. It may abandon three times this number at once.
   * Above that, the server refuses its calls until the average is back at this rate.
   */
  readonly abandonedPerSecond: number;
}

/** A caller may use this many seconds of its rate at once. */
const BURST_S = 3;

/** The current use of one caller's limits. */
export class CallerState {
  readonly #limits: CallerLimits;
  #unfinished = 0;
  readonly #waiting = new Set<() => void>();
  #abandoned = 0;
  #lost: string | undefined;
  #atMs = performance.now();

  constructor(limits: CallerLimits) {
    this.#limits = limits;
  }

  get idle(): boolean {
    return this.#unfinished === 0 && this.#waiting.size === 0 && this.#level() === 0;
  }

  /** Throws CALLER_LIMIT while this caller has abandoned too many calls. */
  check(): void {
    const { abandonedPerSecond: rate } = this.#limits;
    const over = this.#level() - rate * BURST_S;
    if (over < 0) return;
    const waitMs = Math.ceil((1_000 * (over + 1)) / rate);
    throw limited("abandoned_calls", `cancels more than ${rate} calls a second; let them end`, waitMs);
  }

  /**
   * Counts a call that the caller gave up before it was answered. `lost` names its connection, if the connection has
   * ended. All calls of a lost connection count once, because a client that disconnects did not abandon them one by
   * one.
   */
  abandon(lost: string | undefined): void {
    if (lost !== undefined && lost === this.#lost) return;
    this.#lost = lost;
    this.#abandoned = this.#level() + 1;
  }

  /**
   * Calls `go` when the request may send its body: immediately if the limit allows it. The returned function ends the
   * wait. Call it when the body has arrived, and also when the call is over.
   */
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
    const nowMs = performance.now();
    const gone = (this.#limits.abandonedPerSecond * (nowMs - this.#atMs)) / 1_000;
    this.#abandoned = Math.max(0, this.#abandoned - gone);
    this.#atMs = nowMs;
    return this.#abandoned;
  }
}
