import { pause } from "@ccsp/timing";
import type { NoticeStore } from "../domain/notice-store.js";
import { type OpenChannel, startWorker, type WorkerOptions } from "./channel-worker.js";

/** The time between two looks for repeats that are to be reported. */
const REPEATS_MS = 1_000;

export interface Delivering {
  /** There may be something to deliver. */
  readonly wake: () => void;
  close(): Promise<void>;
}

/**
 * Delivers the notices of all channels, each by itself, so that none waits for another. Also reports repeats when it is
 * time.
 */
export function deliverAll(channels: readonly OpenChannel[], options: Omit<WorkerOptions, "open">): Delivering {
  const { store, log } = options;
  const workers = channels.map((open) => startWorker({ ...options, open }));
  const wake = (): void => {
    for (const worker of workers) worker.wake();
  };
  const stopping = new AbortController();
  const telling = tellRepeats(store, wake, stopping.signal, (err) =>
    log.warn({ err }, "repeats could not be reported"),
  );
  return {
    wake,
    close: async () => {
      stopping.abort();
      await Promise.all([telling, ...workers.map((worker) => worker.close())]);
    },
  };
}

async function tellRepeats(
  store: NoticeStore,
  wake: () => void,
  stop: AbortSignal,
  onFailed: (error: unknown) => void,
): Promise<void> {
  while (!stop.aborted) {
    try {
      if ((await store.tellRepeats()) > 0) wake();
    } catch (error) {
      if (!stop.aborted) onFailed(error);
    }
    await pause(REPEATS_MS, stop);
  }
}
