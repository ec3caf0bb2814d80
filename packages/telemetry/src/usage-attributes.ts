/** Tokens of model calls. Engines count those that were read from a cache or written to one beside the input. */
export interface TokenUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheCreationTokens: number;
}

/**
 * The attributes of a span that used these tokens, by the conventions for generative AI
 * (https://github.com/open-telemetry/semantic-conventions-genai, 0.1.0). They count tokens of a cache as input too.
 */
export const usageAttributes = (usage: TokenUsage) => ({
  "gen_ai.usage.input_tokens": usage.inputTokens + usage.cacheReadTokens + usage.cacheCreationTokens,
  "gen_ai.usage.output_tokens": usage.outputTokens,
  "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
  "gen_ai.usage.cache_write.input_tokens": usage.cacheCreationTokens,
});
