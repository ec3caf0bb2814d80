import { backoffMs } from "@ccsp/timing";
import type { Clock } from "./clock.js";
import type { Answer } from "./queue.js";

/** Pauses between failed calls to the queue. */
export const QUEUE_AWAY = { firstMs: 100, longestMs: 5_000, random: Math.random };

/**
 * Calls the queue until it answers. Gives up only when `signal` aborts, and then resolves to `lost`: no caller waits
 * for the answer any more, and the queue learns the end from the lease's expiry.
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
      // The outcome of the call is unknown. Each of these calls is idempotent.
      await clock.wait(backoffMs(failures, QUEUE_AWAY), signal);
    }
  }
}
