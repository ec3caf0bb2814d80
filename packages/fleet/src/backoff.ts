import { backoffMs } from "@ccsp/timing";

/** A process that ran this long counts as healthy again. */
const STEADY_MS = 10_000;

/**
 * Returns the wait before the next start of a process that ran for `lastedMs`. It is 200 ms first and doubles up to 10
 * s. It starts again at 200 ms after the process has run for 10 s.
 */
export type Backoff = (lastedMs: number) => number;

export function createBackoff(): Backoff {
  let failures = 0;
  return (lastedMs) => {
    failures = lastedMs >= STEADY_MS ? 1 : failures + 1;
    return backoffMs(failures, { firstMs: 200, longestMs: 10_000 });
  };
}
