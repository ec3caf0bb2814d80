import { randomInt } from "node:crypto";
import { Refusal } from "@ccsp/errors";

/** The load of this replica now. When used as bounds: the load above which it refuses tasks. */
export interface Strain {
  /** Recent average delay of the event loop. */
  readonly loopDelayMs: number;
  /** How long the oldest submission has been under way. */
  readonly oldestCallMs: number;
  readonly callsUnderWay: number;
}

export interface BreakerObserver {
  refused(): void;
}

export interface Breaker {
  /**
   * Throws OVERLOADED when the load is above a bound: one more call would only make all calls late. Throws
   * DEPENDENCY_UNAVAILABLE instead when the calls wait because the storage does not answer.
   */
  pass(): void;
}

interface BreakerDeps {
  readonly measure: () => Strain;
  readonly nowMs: () => number;
  readonly observer: BreakerObserver;
  /** The refusal to throw while the storage does not answer. Undefined: the storage answers. */
  readonly storageAway?: () => Refusal | undefined;
}

// Long enough for calls under way to end, and short enough that no replica stays idle.
const OPEN_MS = 1_000;

/**
 * A circuit breaker. When the load is above a bound, it opens for a second and refuses every call at no cost. Then it
 * measures again. A bound of 0 means no bound.
 */
export function createBreaker(
  bounds: Strain,
  { measure, nowMs, observer, storageAway = () => undefined }: BreakerDeps,
): Breaker {
  let closesMs = Number.NEGATIVE_INFINITY;
  return {
    pass() {
      const now = nowMs();
      if (now >= closesMs) {
        if (!isBeyond(measure(), bounds)) return;
        closesMs = now + OPEN_MS;
      }
      const away = storageAway();
      if (away) throw away;
      observer.refused();
      throw new Refusal("OVERLOADED", "this replica of the queue is overloaded for the moment", {
        // A random wait, so that callers that were refused together do not come back together.
        retryAfterMs: OPEN_MS + randomInt(2 * OPEN_MS),
      });
    },
  };
}

function isBeyond(strain: Strain, bounds: Strain): boolean {
  const beyond = (what: keyof Strain) => bounds[what] > 0 && strain[what] > bounds[what];
  return beyond("loopDelayMs") || beyond("oldestCallMs") || beyond("callsUnderWay");
}
