import { number, usd } from "../format.js";
import type { Answer } from "../routes.js";
import type { MEASURES } from "./range.js";

type Row = Answer<"GET /usage">["rows"][number];
export type Measure = (typeof MEASURES)[number];

/** Every token that a model read, also those that it read from its cache. */
export const inputTokens = (usage: Row["usage"]): number =>
  (usage?.inputTokens ?? 0) + (usage?.cacheReadTokens ?? 0) + (usage?.cacheCreationTokens ?? 0);

/** What a row used, or undefined when nothing of its cost is known. */
export function amountOf(row: Row, measure: Measure): number | undefined {
  if (measure === "runs") return row.runs;
  if (measure === "tokens") return inputTokens(row.usage) + (row.usage?.outputTokens ?? 0);
  return row.runs > 0 && row.runsWithoutCost === row.runs ? undefined : row.costUsd;
}

export const formatted = (value: number, measure: Measure): string => (measure === "cost" ? usd(value) : number(value));
