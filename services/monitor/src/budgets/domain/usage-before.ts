import { addCounts, type Counts, noCounts } from "../../usage/domain/counts.js";
import { bucketsOf, floor, matches, type UsageFilter } from "../../usage/domain/usage-report.js";
import { HOUR_MS, KEPT_MS, MINUTE_MS, type UsageStore } from "../../usage/domain/usage-store.js";
import { type Holder, usageByOne, usageOf } from "./budget.js";

/**
 * What a holder has used from `startMs` up to `endMs`, as far as usage knows it. `endMs` is a full minute of the last
 * 48 hours. The hour in which the time begins counts as a whole if its minutes are not kept any more. Minutes know the
 * name of an account and not its engine, so an account of this name of another engine counts in them too.
 */
export async function usageBefore(
  store: Pick<UsageStore, "read" | "readMinutes">,
  holder: Holder,
  { startMs, endMs, nowMs }: { readonly startMs: number; readonly endMs: number; readonly nowMs: number },
): Promise<Counts> {
  const sum = noCounts();
  const add = async (filter: UsageFilter, buckets: ReturnType<UsageStore["read"]>): Promise<void> => {
    for await (const { rows } of buckets) {
      for (const { row, counts } of rows) if (matches(filter, row)) addCounts(sum, counts);
    }
  };
  const minutes = (from: number, to: number): number[] =>
    Array.from({ length: Math.max(0, (to - from) / MINUTE_MS) }, (_, i) => from + i * MINUTE_MS);
  const areKept = startMs >= nowMs - KEPT_MS.minute + HOUR_MS;
  // Whole hours, and the minutes before and after them.
  const firstHour = areKept ? Math.ceil(startMs / HOUR_MS) * HOUR_MS : floor(startMs, HOUR_MS);
  const lastHour = floor(endMs, HOUR_MS);
  const edges =
    firstHour > lastHour
      ? minutes(startMs, endMs)
      : [...(areKept ? minutes(startMs, firstHour) : []), ...minutes(lastHour, endMs)];
  const filter = usageOf(holder);
  const dimension = holder.kind === "everybody" ? "agent" : holder.kind;
  await add(usageByOne(holder), store.readMinutes(dimension, edges));
  if (firstHour < lastHour) {
    const { hours, days } = bucketsOf({ start: firstHour, end: lastHour }, nowMs);
    await add(filter, store.read("hour", hours));
    await add(filter, store.read("day", days));
  }
  return sum;
}
