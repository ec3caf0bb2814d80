/** How long a run took, and the model that its task asked for. An empty model is the default of the engine. */
export interface RunTime {
  readonly ms: number;
  readonly model: string;
}

/** How many runs of an engine each shard remembers: the newest ones. */
export const REMEMBERED_RUNS = 512;
/** With fewer runs of a model than this, the runs of the whole engine are the better sample. */
const ENOUGH_OF_MODEL = 20;

/** How long runs take, learned from past runs. */
export interface RunTimes {
  readonly meanMs: number;
  /** The time that was enough for `share` (0 to 1) of the runs which took longer than `aboveMs`. */
  quantileMs(share: number, aboveMs?: number): number;
}

/**
 * Learns from a sliding window of runs. A quantile is the inverse of the empirical distribution: definition 1 of R. J.
 * Hyndman and Y. Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996). It uses only the
 * runs of `model` when there are enough (20). Undefined when there are no runs.
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
      // The run takes longer than every past run. So nothing is known about it, and it counts as an average run that
      // begins now.
      return sorted[place - 1] ?? aboveMs + meanMs;
    },
  };
}

/** How many numbers of `sorted`, which has the smallest first, are at most `most`. */
export function countUpTo(sorted: readonly number[], most: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) <= most) from = middle + 1;
    else to = middle;
  }
  return from;
}
