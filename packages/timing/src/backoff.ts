/** How the waits between tries grow. */
export interface Backoff {
  /** Wait after the first failure. It doubles with each further failure. */
  readonly firstMs: number;
  readonly longestMs: number;
  /**
   * Returns a number from 0 to 1. With it, each wait is shortened by up to half, so that callers that failed together
   * do not return together.
   */
  readonly random?: () => number;
}

/** Milliseconds to wait after this number of failures in a row, from 1. */
export function backoffMs(failures: number, { firstMs, longestMs, random = () => 1 }: Backoff): number {
  return Math.min(firstMs * 2 ** Math.max(0, failures - 1), longestMs) * (0.5 + random() / 2);
}
