export interface DemandOptions {
  /** Maximum number of processes in total. */
  readonly count: number;
  /** How long a start is remembered, in ms. */
  readonly windowMs: number;
}

/** Decides which keys are worth a waiting process. It learns this from the starts of runs. */
export interface Demand {
  /** Records that a run with this key started. Returns the keys that it forgot to limit memory. */
  used(key: string, nowMs: number): readonly string[];
  /**
   * How many processes should wait for each key, the key that was used last first. A key that is missing should have
   * none.
   */
  wanted(nowMs: number): ReadonlyMap<string, number>;
}

/**
 * Limits memory. Unused keys expire with time, but agents that each have their own key would fill the memory before
 * that.
 */
const MOST_KEYS = 32;

/**
 * Each key gets one process for each remembered start except the first. Keys come in the order of their last use. Each
 * key with two starts gets its first process before any key gets a second one.
 */
export function createDemand({ count, windowMs }: DemandOptions): Demand {
  /** The latest starts of each key, the oldest first. The keys are in the order of their latest start. */
  const starts = new Map<string, readonly number[]>();

  return {
    used(key, nowMs) {
      const times = [...(starts.get(key) ?? []), nowMs].slice(-count - 1);
      starts.delete(key);
      starts.set(key, times);
      const forgotten = [...starts.keys()].slice(0, Math.max(0, starts.size - MOST_KEYS));
      for (const old of forgotten) starts.delete(old);
      return forgotten;
    },

    wanted(nowMs) {
      const worth = new Map(
        [...starts]
          .map(([key, times]): [string, number] => [key, times.filter((at) => nowMs - at < windowMs).length - 1])
          .filter(([, many]) => many > 0)
          .toReversed(),
      );
      const wanted = new Map<string, number>();
      let left = count;
      for (let round = 1; round <= count; round++) {
        for (const [key, many] of worth) {
          if (many < round || left === 0) continue;
          wanted.set(key, round);
          left -= 1;
        }
      }
      return wanted;
    },
  };
}
