import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "./api.js";
import { connection } from "./store.js";

const FIRST_WAIT_MS = 3_000;
const LONGEST_WAIT_MS = 30_000;
/** Nothing answered, or what answered had no time or no service behind it. */
const PASSING: readonly number[] = [0, 429, 502, 503, 504];

/**
 * How long to wait before the next try, after `failures` failed tries. All pages lose a service at the same time, and
 * must not return at the same time: `random` (0 to 1) sets them apart.
 */
export function retryWaitMs(failures: number, retryAfterMs = 0, random = Math.random()): number {
  const longest = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS);
  return retryAfterMs + longest * (0.5 + random / 2);
}

/**
 * Reads again what failed for a reason that passes, once the page has its connection: so a panel does not stay red until
 * somebody presses a button. Not for calls that change something.
 */
export function useRetry(error: ApiError | undefined, read: () => void): void {
  const newest = useRef(read);
  newest.current = read;
  const failures = useRef(0);
  const state = connection.value;
  useEffect(() => {
    if (!error) failures.current = 0;
    if (!error || state.is !== "live" || !PASSING.includes(error.problem.status)) return undefined;
    const again = () => {
      if (document.visibilityState !== "visible") return wait();
      failures.current += 1;
      newest.current();
    };
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      timer = setTimeout(again, retryWaitMs(failures.current, error.problem.retryAfterMs));
    };
    wait();
    return () => clearTimeout(timer);
  }, [error, state]);
}
