/** Counts by the name of their counter. */
export type Counts = ReadonlyMap<string, number>;

export const TOTAL = "total";
export const UNAVAILABLE = "unavailable";
export const FAULTS = "faults";
const OK = "ok:";
/** Calls that were answered with OK, slower than the last bound. */
const SLOWEST = `${OK}inf`;
const STARTS = "starts:";

export const inTimeOf = (priority: string): string => `${STARTS}${priority}:in-time`;
export const lateOf = (priority: string): string => `${STARTS}${priority}:late`;
/** The counter of calls that were answered with OK within this many seconds. Undefined: slower than the last bound. */
export const okWithin = (bound: number | undefined): string => (bound === undefined ? SLOWEST : `${OK}${bound}`);

/** How many calls were answered with OK, and how many of them within this many seconds. */
export function answeredWithin(counts: Counts, seconds: number): { readonly total: number; readonly within: number } {
  const ok = durations(counts);
  const sum = (bounds: typeof ok) => bounds.reduce((total, { count }) => total + count, 0);
  return { total: sum(ok), within: sum(ok.filter((each) => each.seconds <= seconds)) };
}

/** The lowest bound within which this share of the calls was answered. Infinity: beyond the last one. */
export function quantile(counts: Counts, share: number): number | undefined {
  const ok = durations(counts);
  const total = ok.reduce((sum, { count }) => sum + count, 0);
  let upTo = 0;
  return ok.find(({ count }) => (upTo += count) >= share * total && total > 0)?.seconds;
}

function durations(counts: Counts): readonly { readonly seconds: number; readonly count: number }[] {
  return [...counts]
    .flatMap(([counter, count]) =>
      counter.startsWith(OK)
        ? [{ seconds: counter === SLOWEST ? Number.POSITIVE_INFINITY : Number(counter.slice(OK.length)), count }]
        : [],
    )
    .sort((a, b) => a.seconds - b.seconds);
}
