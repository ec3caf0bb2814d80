import { CallError } from "@ccsp/grpc-kit/client.js";
import { backoffMs, pause } from "@ccsp/timing";
import { status } from "@grpc/grpc-js";
import { toCcspError } from "./errors.js";

/** A clock, which tests can replace. */
export interface Pace {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Returns a number from 0 to 1. With it, the clients of a restarted gateway do not all return at the same moment. */
  readonly random: () => number;
}

/** Decides whether to repeat a failed call, and when. */
export interface Patience {
  /** The server answers again. The time until giving up starts again. */
  progressed(): void;
  /**
   * Starts a try of a call that the server should answer at once. Returns the milliseconds after which the call counts
   * as unanswered.
   */
  tryMs(): number;
  /**
   * Waits before the next try. The waits grow, and none is shorter than the server asked. When no further try makes
   * sense, it throws the error that the agent should see.
   */
  waitForRetry(error: unknown): Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3_000;
const LONGEST_TRY_MS = 10_000;
/** Even when little patience is left, a running server gets this much time to answer, or this part of the patience. */
const SHORTEST_TRY_MS = 1_000;
const SHORTEST_TRY_PART = 0.1;

/**
 * The caller may repeat every call of this client: calls that create something carry a request id. `limitMs` is asked
 * at each failure.
 */
export function createPatience(
  limitMs: () => number,
  signal: AbortSignal | undefined,
  { now, wait, random }: Pace = realPace,
): Patience {
  let failures = 0;
  let since: number | undefined;
  /** The last error that a server sent. The last try may be too short to receive it again. */
  let serverError: unknown;
  const leftMs = () => {
    since ??= now();
    return since + limitMs() - now();
  };
  return {
    progressed() {
      failures = 0;
      since = undefined;
      serverError = undefined;
    },
    tryMs() {
      const shortest = Math.min(SHORTEST_TRY_MS, limitMs() * SHORTEST_TRY_PART);
      return Math.ceil(Math.max(shortest, Math.min(LONGEST_TRY_MS, leftMs())));
    },
    async waitForRetry(error) {
      if (signal?.aborted) throw signal.reason;
      if (!worthRepeating(error)) throw toCcspError(error);
      if (error.code !== status.DEADLINE_EXCEEDED) serverError = error;
      const { retryAfterMs = 0 } = error;
      const left = leftMs() - retryAfterMs;
      if (left <= 0) throw toCcspError(serverError ?? error);
      failures += 1;
      const growth = { firstMs: FIRST_PAUSE_MS, longestMs: Math.min(LONGEST_PAUSE_MS, left), random };
      await wait(retryAfterMs + backoffMs(failures, growth), signal);
      if (signal?.aborted) throw signal.reason;
    },
  };
}

function worthRepeating(error: unknown): error is CallError {
  if (!(error instanceof CallError)) return false;
  const { code, reason } = error;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED || reason === "CALLER_LIMIT";
}

const realPace: Pace = {
  now: () => performance.now(),
  wait: pause, // the caller sees an abort and knows its reason
  random: Math.random,
};
