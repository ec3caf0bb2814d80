import { randomInt } from "node:crypto";
import { Refusal } from "@ccsp/errors";

/** The load of this replica now. As bounds: the load above which it refuses tasks. */
export interface Strain {
  /** How late the event loop is, on average lately. */
  readonly loopDelayMs: number;
  /** How long the oldest submission has been under way. */
  readonly oldestCallMs: number;
  readonly callsUnderWay: number;
}

export interface BreakerObserver {
  refused(): void;
}

export interface Breaker {
  /** Throws OVERLOADED when one more call would only make all of them late; DEPENDENCY_UNAVAILABLE when the storage is what they wait for. */
  pass(): void;
}

interface BreakerDeps {
  readonly measure: () => Strain;
  readonly nowMs: () => number;
  readonly observer: BreakerObserver;
  /** The refusal that says so, while the storage does not answer. */
  readonly storageAway?: () => Refusal | undefined;
}

// Long enough for what is under way to end, short enough that no replica stays idle.
const OPEN_MS = 1_000;

/**
 * A circuit breaker: beyond a bound it is open for a second, in which every call is refused at no cost, then it looks again. A bound
 * of 0 is none.
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
        // Spread, so that those who were refused together do not come back together.
        retryAfterMs: OPEN_MS + randomInt(2 * OPEN_MS),
      });
    },
  };
}

function isBeyond(strain: Strain, bounds: Strain): boolean {
  const beyond = (what: keyof Strain) => bounds[what] > 0 && strain[what] > bounds[what];
  return beyond("loopDelayMs") || beyond("oldestCallMs") || beyond("callsUnderWay");
}
