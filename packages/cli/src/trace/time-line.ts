export interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** The time from the first start to the last end. */
export function wholeOf(intervals: readonly Interval[]): Interval {
  let [startMs, endMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const each of intervals) {
    startMs = Math.min(startMs, each.startMs);
    endMs = Math.max(endMs, each.endMs);
  }
  return { startMs, endMs };
}

/** A bar of `width` characters for `whole`, with a mark where one of the intervals is. Each interval has a mark. */
export function timeLine(intervals: readonly Interval[], whole: Interval, width: number): string {
  const cells = Array.from({ length: width }, () => " ");
  const scale = width / Math.max(whole.endMs - whole.startMs, Number.MIN_VALUE);
  for (const { startMs, endMs } of intervals) {
    const first = Math.min(width - 1, Math.max(0, Math.floor((startMs - whole.startMs) * scale)));
    const end = Math.min(width, Math.max(first + 1, Math.round((endMs - whole.startMs) * scale)));
    cells.fill("━", first, end);
  }
  return cells.join("").trimEnd();
}
