/** How long a run took, with the model that its task asked for; empty: the engine's default. */
export interface RunTime {
  readonly ms: number;
  readonly model: string;
}

/** Newest runs of an engine that are remembered in each shard. */
export const REMEMBERED_RUNS = 512;
/** With fewer runs of a model than this, those of the whole engine say more. */
const ENOUGH_OF_MODEL = 20;

/** What was learned of how long runs take. */
export interface RunTimes {
  readonly meanMs: number;
  /** `share` of the runs that took longer than `aboveMs` took at most this. */
  quantileMs(share: number, aboveMs?: number): number;
}

/**
 * From a sliding window of runs: the sample quantile by inverse of the empirical distribution, definition 1 of R. J. Hyndman and Y. Fan,
 * "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996). Undefined when there were none. Of one model where
 * enough is known of it.
 */
export function learnRunTimes(runs: readonly RunTime[], model?: string): RunTimes | undefined {
  const ofModel = model === undefined ? [] : runs.filter((run) => run.model === model);
  const sorted = (ofModel.length < ENOUGH_OF_MODEL ? runs : ofModel).map(({ ms }) => ms).toSorted((a, b) => a - b);
  const count = sorted.length;
  if (count === 0) return undefined;
  const meanMs = sorted.reduce((sum, ms) => sum + ms, 0) / count;
  return {
    meanMs,
    quantileMs(share, aboveMs = -1) {
      const shorter = countUpTo(sorted, aboveMs);
      const place = shorter + Math.max(1, Math.ceil(share * (count - shorter)));
      // One that runs longer than any did: nothing is known of it, so it is taken for an average one that begins now.
      return sorted[place - 1] ?? aboveMs + meanMs;
    },
  };
}

/** How many of these, the smallest first, are not above `most`. */
export function countUpTo(sorted: readonly number[], most: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) <= most) from = middle + 1;
    else to = middle;
  }
  return from;
}
