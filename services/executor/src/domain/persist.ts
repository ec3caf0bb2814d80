import type { Clock } from "./clock.js";
import type { Answer } from "./queue.js";

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

/** How long to wait after `failures` failed calls in a row: exponential, with full jitter above half. */
export function backoffMs(failures: number, random = Math.random): number {
  const ceiling = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}

/**
 * Calls the queue until it answers. Gives up only when `signal` aborts, and answers `lost` then: nobody waits for the answer any
 * more, and the queue will find out from the lease.
 */
export async function persist<T = Answer>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<T | "lost"> {
  for (let failures = 1; ; failures++) {
    if (signal.aborted) return "lost";
    try {
      return await call(signal);
    } catch {
      // Nothing is known about the call; each of them is safe to repeat.
      await clock.wait(backoffMs(failures), signal);
    }
  }
}
