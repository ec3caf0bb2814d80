import { exportedSignal, type Signal, type SignalSource } from "../../signals/signal.js";
import { addCounts, type Counts, noCounts } from "../../usage/domain/counts.js";
import { MINUTE_MS, type UsageStore } from "../../usage/domain/usage-store.js";
import { RATE_MS } from "../domain/default-rules.js";

/** With fewer runs than this, a share of failed ones says little, so there is no signal. */
const LEAST_RUNS = 20;

type Minutes = Pick<UsageStore, "readMinutes">;

const METRICS = [
  exportedSignal({
    name: "run_error_share",
    help: `Share of the runs that failed in the last 15 minutes. Runs that met a limit of the provider and cancelled ones do not count; with fewer than ${LEAST_RUNS} runs there is no value.`,
    labels: { engine: "engines that executors offer" },
  }),
  exportedSignal({
    name: "run_unclassified_errors",
    help: "Number of runs that failed in the last 15 minutes for a reason that no rule of the engine knows.",
    labels: { engine: "engines that executors offer" },
  }),
];

/** What the usage of the last 15 minutes says about each engine. */
export function runSignals(usage: Minutes): SignalSource {
  return {
    metrics: METRICS,
    read: async (now) =>
      [...(await countsByEngine(usage, now))].flatMap(
        ([engine, { runs, failed, cancelled, limited, unclassified }]) => {
          const ended = runs - cancelled - limited;
          const signals: Signal[] = [{ metric: "run_unclassified_errors", labels: { engine }, value: unclassified }];
          if (ended >= LEAST_RUNS)
            signals.push({ metric: "run_error_share", labels: { engine }, value: (failed - limited) / ended });
          return signals;
        },
      ),
  };
}

async function countsByEngine(usage: Minutes, now: Date): Promise<ReadonlyMap<string, Counts>> {
  const sums = new Map<string, Counts>();
  for await (const { rows } of usage.readMinutes("engine", minutesBefore(now, RATE_MS)))
    for (const { row, counts } of rows) {
      const sum = sums.get(row.engine) ?? noCounts();
      addCounts(sum, counts);
      sums.set(row.engine, sum);
    }
  return sums;
}

/** Returns when the newest run of each engine ended, to the minute (the end of it, or now). */
export async function lastEnds(usage: Minutes, now: Date, withinMs: number): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  for await (const { start, rows } of usage.readMinutes("engine", minutesBefore(now, withinMs)))
    for (const { row, counts } of rows)
      if (counts.runs > 0)
        ends.set(row.engine, Math.max(ends.get(row.engine) ?? 0, Math.min(start + MINUTE_MS, now.getTime())));
  return ends;
}

/** The minutes of this time up to now, with the current one. */
function minutesBefore(now: Date, lengthMs: number): readonly number[] {
  const current = Math.floor(now.getTime() / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: lengthMs / MINUTE_MS }, (_, at) => current - at * MINUTE_MS).reverse();
}
