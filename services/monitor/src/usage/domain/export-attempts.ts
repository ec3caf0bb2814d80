import { type ExportFormat, headOf, lineOf } from "./export-lines.js";
import { DIMENSIONS, taskOf } from "./run.js";
import { checkedRange, floor, matches, type Range, type UsageFilter } from "./usage-report.js";
import { type CountedAttempt, DAY_MS, KEPT_MS, type UsageStore } from "./usage-store.js";

export interface AttemptsQuery extends Range {
  readonly filter: UsageFilter;
  readonly format: ExportFormat;
}

const COLUMNS = [
  ...["end_time", ...DIMENSIONS, "task_id", "attempt", "attempt_id", "outcome", "failure"],
  ...["input_tokens", "output_tokens", "cache_read_tokens", "cache_creation_tokens"],
  ...["cost_micro_usd", "priced_micro_usd", "run_ms", "queue_wait_ms"],
];

/**
 * Yields the text of the attempts that ended in the range, some at a time: day by day, and within a day in the order of
 * the store. Throws a Refusal for an invalid range.
 */
export async function* exportAttempts(
  store: Pick<UsageStore, "readAttempts">,
  { format, filter, ...query }: AttemptsQuery,
  now: Date,
): AsyncGenerator<string, void> {
  const { start, end } = checkedRange(query, now, DAY_MS);
  if (format === "csv") yield headOf(COLUMNS, format);
  // No other day can have attempts, and each one is a question to the store.
  const oldest = floor(Math.max(start, now.getTime() - KEPT_MS.day), DAY_MS);
  const before = Math.min(end, now.getTime() + DAY_MS);
  for (let day = oldest; day < before; day += DAY_MS) {
    for await (const attempts of store.readAttempts(day)) {
      const wanted = attempts.filter(({ endMs, row }) => endMs >= start && endMs < end && matches(filter, row));
      if (wanted.length > 0) yield wanted.map((each) => lineOf(COLUMNS, valuesOf(each), format)).join("");
    }
  }
}

function valuesOf({ id, attempt, endMs, row, counts }: CountedAttempt): (string | number | undefined)[] {
  const known = (unknownRuns: number, value: number): number | undefined => (unknownRuns > 0 ? undefined : value);
  return [
    ...[new Date(endMs).toISOString(), ...DIMENSIONS.map((dimension) => row[dimension])],
    ...[taskOf(id), attempt, id],
    counts.failed > 0 ? "failed" : counts.cancelled > 0 ? "cancelled" : "succeeded",
    counts.limited > 0 ? "limited" : counts.unclassified > 0 ? "unclassified" : undefined,
    ...[counts.input, counts.output, counts.cacheRead, counts.cacheCreation].map((tokens) =>
      known(counts.withoutUsage, tokens),
    ),
    known(counts.withoutCost, counts.costMicroUsd),
    known(1 - counts.priced, counts.pricedMicroUsd),
    known(1 - counts.timed, counts.runMs),
    known(1 - counts.waited, counts.waitMs),
  ];
}
