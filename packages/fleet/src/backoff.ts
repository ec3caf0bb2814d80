const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 10_000;
/** What was up for so long counts as healthy again. */
const STEADY_MS = 10_000;

/** How long to wait before the next start of something that was up for `lastedMs`: 200 ms, doubled up to 10 s until it stays up for 10 s. */
export type Backoff = (lastedMs: number) => number;

export function createBackoff(): Backoff {
  let nextMs = FIRST_DELAY_MS;
  return (lastedMs) => {
    const delayMs = lastedMs >= STEADY_MS ? FIRST_DELAY_MS : nextMs;
    nextMs = Math.min(delayMs * 2, LONGEST_DELAY_MS);
    return delayMs;
  };
}
