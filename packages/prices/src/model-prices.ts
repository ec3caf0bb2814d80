/** How many tokens of each price were used. No token counts twice: `input` has none that were in the cache. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheCreation: number;
}

/**
 * Prices in US dollars of a million tokens, as Anthropic's page of prices had them on 21 March 2026, without discounts
 * and long contexts. Writing to the cache costs 1.25 times the input (kept for five minutes), reading it a tenth.
 * https://docs.claude.com/en/docs/about-claude/pricing
 */
const PRICES: readonly (readonly [model: RegExp, input: number, output: number])[] = [
  [/^claude-opus-4(-0|-1)?$/, 15, 75],
  [/^claude-opus-4-[56]$/, 5, 25],
  [/^claude-(sonnet-4(-0|-5|-6)?|3-7-sonnet)$/, 3, 15],
  [/^claude-haiku-4-5$/, 1, 5],
  [/^claude-3-5-haiku$/, 0.8, 4],
];
const CACHE = { creation: 1.25, read: 0.1 };

/** What these tokens cost in micro-dollars by the table. Undefined for a model that it does not have. */
export function pricedMicroUsd(model: string, tokens: Tokens): number | undefined {
  // A name may end with the day of its release. An alias such as `opus` may mean another model tomorrow.
  const name = model.replace(/-\d{8}$/, "");
  const found = PRICES.find(([models]) => models.test(name));
  if (found === undefined) return undefined;
  const [, input, output] = found;
  const { input: plain, output: written, cacheCreation, cacheRead } = tokens;
  // Dollars of a million tokens are micro-dollars of one.
  return Math.round(input * (plain + CACHE.creation * cacheCreation + CACHE.read * cacheRead) + output * written);
}
