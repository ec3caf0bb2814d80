import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import { persist } from "./persist.js";
import type { Answer, Ending, LeaseId } from "./queue.js";

/**
 * Ends of attempts that the queue has not answered, on this disk. They outlive the executor, and its next boot tells
 * them. The queue's fence decides whether an end still counts. Implemented by `../queue/end-folder.ts`. A failure is only
 * logged.
 */
export interface KeptEnds {
  /** Resolves when the end is on the disk, or cannot be. */
  put(lease: LeaseId, ending: Ending): Promise<void>;
  /** Does nothing if the lease has no end here. */
  remove(lease: LeaseId): Promise<void>;
  /** What earlier boots left. */
  readonly left: readonly LeftEnd[];
}

export interface LeftEnd extends LeaseId {
  readonly how: Ending["how"];
  /** `refused`: also if the file cannot be read. Rejects as the calls of `QueuePort` do. */
  tell(signal: AbortSignal): Promise<Answer>;
}

interface TellDeps {
  readonly kept: KeptEnds;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Tells the queue what earlier boots left. Resolves when the queue has answered all of it, or when `signal` aborts. The
 * rest then stays for the next boot.
 */
export async function tellLeft({ kept, clock, log }: TellDeps, signal: AbortSignal): Promise<void> {
  const tell = async (end: LeftEnd): Promise<void> => {
    const answer = await persist((abort) => end.tell(abort), { clock, signal });
    // A queue with a fault says nothing of the end. The next boot tells it, until the folder drops it after a day.
    if (answer === "broken" || (signal.aborted && answer === "lost")) return;
    await kept.remove(end);
    const about = { task: end.taskId, fence: String(end.fence), how: end.how };
    if (answer === "ok") log.info(about, "the queue took the end of an attempt that an earlier boot could not tell it");
    else log.warn({ ...about, answer }, "the queue does not take the end of an attempt of an earlier boot; dropped");
  };
  await Promise.all(kept.left.map(tell));
}
