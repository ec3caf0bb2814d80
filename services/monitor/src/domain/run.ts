/**
 * One ended run, with the numbers to count. All numbers are integers. Money is in micro-dollars, so that sums are
 * exact.
 */
export interface Run {
  /** Runs with the same id count once. */
  readonly id: string;
  readonly endTime: Date;
  readonly agent: string;
  /** Empty if the engine did not report it. */
  readonly model: string;
  readonly failed: boolean;
  readonly tokens: Tokens;
  /** Undefined if the cost is unknown, which is different from zero. */
  readonly costMicroUsd: bigint | undefined;
}

export interface Tokens {
  readonly input: bigint;
  readonly output: bigint;
  readonly cacheRead: bigint;
  readonly cacheCreation: bigint;
}

export const NO_TOKENS: Tokens = { input: 0n, output: 0n, cacheRead: 0n, cacheCreation: 0n };

/** The usage of one model by one agent. */
export interface Usage {
  readonly agent: string;
  readonly model: string;
  readonly runs: bigint;
  readonly failedRuns: bigint;
  readonly tokens: Tokens;
  /** The sum over the runs whose cost is known. */
  readonly costMicroUsd: bigint;
  readonly runsWithoutCost: bigint;
}

/**
 * These limits are higher than the cost and the tokens of any real run. A higher number comes from a broken engine, and
 * sums of such numbers would overflow the 64 bits of a counter.
 */
const MOST_USD = 1e6;
export const MOST_TOKENS = 10n ** 12n;

/** Converts a price from an engine to micro-dollars. Returns undefined if it is not a valid price. */
export function microUsd(usd: number | undefined): bigint | undefined {
  if (usd === undefined || !(usd >= 0 && usd <= MOST_USD)) return undefined;
  return BigInt(Math.round(usd * 1e6));
}
