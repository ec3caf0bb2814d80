export function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** A quantile of durations in ms, as text. */
export const ms = (times: readonly number[], q: number): string => `${quantile(times, q).toFixed(1)} ms`;
