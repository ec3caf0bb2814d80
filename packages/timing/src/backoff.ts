/** How the waits between tries grow. */
export interface Backoff {
  /** Wait after the first failure; it doubles with each further one. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** 0 to 1. With it, up to half of each wait is left out, so that callers that failed together do not return together. */
  readonly random?: () => number;
}

/** Milliseconds to wait after so many failures in a row, from 1. */
export function backoffMs(failures: number, { firstMs, longestMs, random = () => 1 }: Backoff): number {
  return Math.min(firstMs * 2 ** Math.max(0, failures - 1), longestMs) * (0.5 + random() / 2);
}
