import type { Logger } from "pino";
import type { Gap, GapStore } from "../domain/gap.js";

/** Counts from the queue's records what ended between two times. */
export type Fill = (gap: Gap) => Promise<{ readonly counted: number; readonly complete: boolean }>;

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
export async function lookForGaps({ gaps, partitions, fill, log }: GapWatchOptions): Promise<void> {
  for (let partition = 0; partition < partitions; partition += 1) {
    const lost = await gaps.lostNow(partition);
    const growing = (await gaps.list(partition)).filter(({ state }) => state === "growing");
    if (lost !== undefined) {
      const known = growing.at(-1);
      const end = Math.max(lost.end, known?.end ?? 0);
      if (known === undefined) log.error({ partition, ...lost }, "events were lost before the monitor read them");
      await gaps.put({ partition, start: known?.start ?? lost.start, end, state: "growing", filledRuns: 0 });
    } else if (growing.length > 0 && (await gaps.lock(partition))) {
      for (const gap of growing) {
        const { counted, complete } = await fill(gap);
        await gaps.put({ ...gap, state: complete ? "filled" : "incomplete", filledRuns: counted });
        log.warn(
          { partition, start: gap.start, end: gap.end, counted, complete },
          "gap filled from the queue's records",
        );
      }
    }
  }
}

/** Looks at once, and then again and again. A look that fails is logged, and the next one tries again. */
export async function watchGaps(options: GapWatchOptions, everyMs: number): Promise<{ close(): Promise<void> }> {
  const look = () => lookForGaps(options).catch((err: unknown) => options.log.warn({ err }, "looking for gaps failed"));
  let looking = look();
  // The first look comes before the group reads on: reading moves the group past the gap.
  await looking;
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    looking = look().finally(() => {
      busy = false;
    });
  }, everyMs);
  return {
    close: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
