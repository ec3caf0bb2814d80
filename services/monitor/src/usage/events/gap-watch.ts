import { pause } from "@ccsp/timing";
import type { Logger } from "pino";
import type { Gap, GapStore } from "../domain/gap.js";

/** Counts from the queue's records what ended between two times. Rejects when `stop` aborts. */
export type Fill = (gap: Gap, stop: AbortSignal) => Promise<{ readonly counted: number; readonly complete: boolean }>;

export interface GapWatchOptions {
  readonly gaps: GapStore;
  readonly partitions: number;
  readonly fill: Fill;
  readonly log: Logger;
}

/**
 * One look at each partition. While events are being lost, it stores how far the loss reaches. When the group reads
 * everything again, it fills the gap. A gap whose filling failed, or whose monitor died, is filled at a later look.
 */
export async function lookForGaps(options: GapWatchOptions, stop: AbortSignal): Promise<void> {
  for (let partition = 0; partition < options.partitions; partition += 1)
    if (!(await noteLoss(options, partition))) await fillGaps(options, partition, stop);
}

/** Resolves to whether events of the partition are being lost. */
async function noteLoss({ gaps, log }: GapWatchOptions, partition: number): Promise<boolean> {
  const lost = await gaps.lostNow(partition);
  if (lost === undefined) return false;
  const known = (await growingOf(gaps, partition)).at(-1);
  const end = Math.max(lost.end, known?.end ?? 0);
  if (known === undefined) log.error({ partition, ...lost }, "events were lost before the monitor read them");
  await gaps.put({ partition, start: known?.start ?? lost.start, end, state: "growing", filledRuns: 0 });
  return true;
}

async function fillGaps({ gaps, fill, log }: GapWatchOptions, partition: number, stop: AbortSignal): Promise<void> {
  const growing = await growingOf(gaps, partition);
  if (growing.length === 0 || !(await gaps.lock(partition))) return;
  for (const gap of growing) {
    const { counted, complete } = await fill(gap, stop);
    await gaps.put({ ...gap, state: complete ? "filled" : "incomplete", filledRuns: counted });
    log.warn({ partition, start: gap.start, end: gap.end, counted, complete }, "gap filled from the queue's records");
  }
}

const growingOf = async (gaps: GapStore, partition: number): Promise<Gap[]> =>
  (await gaps.list(partition)).filter(({ state }) => state === "growing");

/**
 * Notes what is lost at once, and then looks again and again. A look that fails is logged, and the next one tries
 * again. `close` ends a filling in progress: it may take minutes, and the next monitor does it again.
 */
export async function watchGaps(options: GapWatchOptions, everyMs: number): Promise<{ close(): Promise<void> }> {
  const { partitions, log } = options;
  const stop = new AbortController();
  const failed = (err: unknown): void => {
    if (!stop.signal.aborted) log.warn({ err }, "looking for gaps failed");
  };
  // This comes before the group reads on, because reading moves the group past the gap. Filling has time.
  for (let partition = 0; partition < partitions; partition += 1) await noteLoss(options, partition).catch(failed);
  const looking = (async () => {
    while (!stop.signal.aborted) {
      await lookForGaps(options, stop.signal).catch(failed);
      await pause(everyMs, stop.signal);
    }
  })();
  return {
    close: async () => {
      stop.abort();
      await looking;
    },
  };
}
