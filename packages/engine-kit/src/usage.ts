/** Tokens, each counted in one field only. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheCreationTokens: number;
}

export const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 };

export const sum = ({ inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens }: Usage): number =>
  inputTokens + outputTokens + cacheReadTokens + cacheCreationTokens;

/** By how many tokens the two differ, over all fields. */
export const distance = (one: Usage, other: Usage): number =>
  Math.abs(one.inputTokens - other.inputTokens) +
  Math.abs(one.outputTokens - other.outputTokens) +
  Math.abs(one.cacheReadTokens - other.cacheReadTokens) +
  Math.abs(one.cacheCreationTokens - other.cacheCreationTokens);
