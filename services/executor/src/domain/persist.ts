import { backoffMs } from "@ccsp/timing";
import type { Clock } from "./clock.js";
import { type Answer, QueueFault } from "./queue.js";

/** Pauses between failed calls to the queue. */
export const QUEUE_AWAY = { firstMs: 100, longestMs: 5_000, random: Math.random };

/** A call is given up after this many faults in a row, which takes 2 to 3 s. Such a fault rarely goes away by itself. */
export const MOST_FAULTS = 6;

/**
 * Calls the queue until it answers, however long it is away. Gives up in two cases. `lost`: `signal` aborts. No caller
 * waits for the answer any more, and the queue learns the end from the lease's expiry. `broken`: the queue is not away,
 * but answers with a fault of its own each time, `mostFaults` times in a row.
 */
export async function persist<T = Answer>(
  call: (signal: AbortSignal) => Promise<T>,
  { clock, signal, mostFaults = MOST_FAULTS }: { clock: Clock; signal: AbortSignal; mostFaults?: number },
): Promise<T | "lost" | "broken"> {
  for (let failures = 1, faults = 0; ; failures++) {
    if (signal.aborted) return "lost";
    try {
      return await call(signal);
    } catch (error) {
      faults = error instanceof QueueFault ? faults + 1 : 0;
      if (faults >= mostFaults) return "broken";
      // The outcome of the call is unknown. Each of these calls is idempotent.
      await clock.wait(backoffMs(failures, QUEUE_AWAY), signal);
    }
  }
}
