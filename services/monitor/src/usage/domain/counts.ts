import { pricedMicroUsd } from "@ccsp/prices";
import type { Run } from "./run.js";

/** The counters of a stored row, in their order. A new one goes to the end: earlier rows are read as having none. */
export const COUNTERS = [
  "runs",
  "failed",
  "cancelled",
  "input",
  "output",
  "cacheRead",
  "cacheCreation",
  "withoutUsage",
  "costMicroUsd",
  "withoutCost",
  "runMs",
  "timed",
  "waitMs",
  "waited",
  "limited",
  "unclassified",
  "pricedMicroUsd",
  "priced",
] as const;

/**
 * Sums over runs. `withoutUsage` and `withoutCost` are runs whose numbers are not known, `timed` and `waited` those with
 * one. Among the failed ones, `limited` met a limit of the provider, and `unclassified` have a cause that no rule knows.
 * Among those without a cost, `priced` have known tokens of a model with a known price: together `pricedMicroUsd`.
 */
export type Counts = Record<(typeof COUNTERS)[number], number>;

export const noCounts = (): Counts =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- made from the list of all counters
  Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Counts;

type Numbers = "row" | "outcome" | "failure" | "tokens" | "costMicroUsd" | "runMs" | "waitMs";

/** What one run adds. */
export function countsOf({ row, outcome, failure, tokens, costMicroUsd, runMs, waitMs }: Pick<Run, Numbers>): Counts {
  const priced = costMicroUsd === undefined && tokens ? pricedMicroUsd(row.model, tokens) : undefined;
  return {
    runs: 1,
    failed: outcome === "failed" ? 1 : 0,
    cancelled: outcome === "cancelled" ? 1 : 0,
    input: tokens?.input ?? 0,
    output: tokens?.output ?? 0,
    cacheRead: tokens?.cacheRead ?? 0,
    cacheCreation: tokens?.cacheCreation ?? 0,
    withoutUsage: tokens === undefined ? 1 : 0,
    costMicroUsd: costMicroUsd ?? 0,
    withoutCost: costMicroUsd === undefined ? 1 : 0,
    runMs: runMs ?? 0,
    timed: runMs === undefined ? 0 : 1,
    waitMs: waitMs ?? 0,
    waited: waitMs === undefined ? 0 : 1,
    limited: failure === "limited" ? 1 : 0,
    unclassified: failure === "unclassified" ? 1 : 0,
    pricedMicroUsd: priced ?? 0,
    priced: priced === undefined ? 0 : 1,
  };
}

/** Adds `more` to `sum`. */
export function addCounts(sum: Counts, more: Readonly<Counts>): void {
  for (const name of COUNTERS) sum[name] += more[name];
}
