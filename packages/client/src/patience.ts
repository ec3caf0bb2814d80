import { CallError } from "@ccsp/grpc-kit";
import { backoffMs, pause } from "@ccsp/timing";
import { status } from "@grpc/grpc-js";
import { toCcspError } from "./errors.js";

/** Time, replaceable in tests. */
export interface Pace {
  /** Milliseconds, only ever growing. */
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** 0 to 1, so that the clients of a restarted gateway do not come back at the same instant. */
  readonly random: () => number;
}

/** Decides whether a failed call is worth repeating, and when. */
export interface Patience {
  /** The server answers again: the time to give up starts anew. */
  progressed(): void;
  /** Begins a try of a call that is to be answered at once: the milliseconds after which it counts as unanswered. */
  tryMs(): number;
  /** Waits with growing pauses before the next try, and at least as long as the server said. Throws the agent's view of the error when there shall be none. */
  outlast(error: unknown): Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3_000;
const LONGEST_TRY_MS = 10_000;
/** Also with hardly any patience left, a server that is there gets the time to answer. */
const SHORTEST_TRY_MS = 1_000;

/** Every call of this client is safe to repeat: what creates something carries a request id. */
export function createPatience(
  resumeMs: number,
  signal: AbortSignal | undefined,
  { now, wait, random }: Pace = realPace,
): Patience {
  let failures = 0;
  let since: number | undefined;
  /** The last that a server said: the last try may be too short to hear it again. */
  let told: unknown;
  const leftMs = () => {
    since ??= now();
    return since + resumeMs - now();
  };
  return {
    progressed() {
      failures = 0;
      since = undefined;
      told = undefined;
    },
    tryMs: () => Math.max(SHORTEST_TRY_MS, Math.min(LONGEST_TRY_MS, leftMs())),
    async outlast(error) {
      if (signal?.aborted) throw signal.reason;
      if (!worthRepeating(error)) throw toCcspError(error);
      if (error.code !== status.DEADLINE_EXCEEDED) told = error;
      const { retryAfterMs = 0 } = error;
      const left = leftMs() - retryAfterMs;
      if (left <= 0) throw toCcspError(told ?? error);
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
  wait: pause, // the caller sees an abort, and knows the reason
  random: Math.random,
};
