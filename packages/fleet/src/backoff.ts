import { backoffMs } from "@ccsp/timing";

/** What was up for so long counts as healthy again. */
const STEADY_MS = 10_000;

/** How long to wait before the next start of something that was up for `lastedMs`: 200 ms, doubled up to 10 s until it stays up for 10 s. */
export type Backoff = (lastedMs: number) => number;

export function createBackoff(): Backoff {
  let failures = 0;
  return (lastedMs) => {
    failures = lastedMs >= STEADY_MS ? 1 : failures + 1;
    return backoffMs(failures, { firstMs: 200, longestMs: 10_000 });
  };
}
