import { backoffMs } from "@ccsp/timing";
import type { Clock } from "./clock.js";
import type { Answer } from "./queue.js";

/** Between failed calls of the queue. */
export const QUEUE_AWAY = { firstMs: 100, longestMs: 5_000, random: Math.random };

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
      await clock.wait(backoffMs(failures, QUEUE_AWAY), signal);
    }
  }
}
