import { useEffect, useRef } from "preact/hooks";
import type { ApiError } from "./api.js";
import { connection } from "./store.js";

/** All pages lose a service at the same time. */
const AGAIN_MS = 3_000;
/** Nothing answered, or what answered had no time or no service behind it. */
const PASSING: readonly number[] = [0, 429, 502, 503, 504];

/**
 * Reads again what failed for a reason that passes, once the page has its connection: so a panel does not stay red until
 * somebody presses a button. Not for calls that change something.
 */
export function useRetry(error: ApiError | undefined, read: () => void): void {
  const newest = useRef(read);
  newest.current = read;
  const state = connection.value;
  useEffect(() => {
    if (!error || state.is !== "live" || !PASSING.includes(error.problem.status)) return undefined;
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      timer = setTimeout(() => (document.visibilityState === "visible" ? newest.current() : wait()), AGAIN_MS);
    };
    wait();
    return () => clearTimeout(timer);
  }, [error, state]);
}
