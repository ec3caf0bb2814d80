export interface DemandOptions {
  /** Most processes in all. */
  readonly count: number;
  /** For how long a start is remembered, in ms. */
  readonly windowMs: number;
}

/** Which keys are worth a waiting process, learned from the starts of runs. */
export interface Demand {
  /** A run with this key was started. Answers the keys that are forgotten for it. */
  used(key: string, nowMs: number): readonly string[];
  /** How many should wait for each key, the latest used first; a key that is not in it should have none. */
  wanted(nowMs: number): ReadonlyMap<string, number>;
}

/** A key that is used no more goes by time; agents that each have their own would fill the memory before. */
const MOST_KEYS = 32;

/**
 * One process for each start of a key but the first, in the order of their latest use: every key that came twice gets its first before
 * any gets a second.
 */
export function createDemand({ count, windowMs }: DemandOptions): Demand {
  /** The latest starts of each key, the oldest first; the keys in the order of their latest. */
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
