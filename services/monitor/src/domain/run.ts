/** One ended run, as it is counted. Numbers are whole; money is in micro-dollars, so that sums are exact. */
export interface Run {
  /** The same id counts once. */
  readonly id: string;
  readonly endTime: Date;
  readonly agent: string;
  /** Empty when the engine did not say. */
  readonly model: string;
  readonly failed: boolean;
  readonly tokens: Tokens;
  /** Undefined when unknown, which is not zero. */
  readonly costMicroUsd: bigint | undefined;
}

export interface Tokens {
  readonly input: bigint;
  readonly output: bigint;
  readonly cacheRead: bigint;
  readonly cacheCreation: bigint;
}

export const NO_TOKENS: Tokens = { input: 0n, output: 0n, cacheRead: 0n, cacheCreation: 0n };

/** What one agent used of one model. */
export interface Usage {
  readonly agent: string;
  readonly model: string;
  readonly runs: bigint;
  readonly failedRuns: bigint;
  readonly tokens: Tokens;
  /** Of the runs whose cost is known. */
  readonly costMicroUsd: bigint;
  readonly runsWithoutCost: bigint;
}

/**
 * More than any run costs or uses. What is above is the word of a broken engine,
 * and sums of such numbers would leave the 64 bits that a counter has.
 */
const MOST_USD = 1e6;
export const MOST_TOKENS = 10n ** 12n;

/** A price as an engine says it, in micro-dollars; undefined for one that is no price. */
export function microUsd(usd: number | undefined): bigint | undefined {
  if (usd === undefined || !(usd >= 0 && usd <= MOST_USD)) return undefined;
  return BigInt(Math.round(usd * 1e6));
}
