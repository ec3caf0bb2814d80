import { addCounts, type Counts, countsOf, noCounts } from "../../usage/domain/counts.js";
import type { Run } from "../../usage/domain/run.js";
import { type Budget, holderKey, holdersOf } from "./budget.js";

/** What a run that has not ended has used so far. */
export interface RunUnderWay {
  /** As `holdersOf` names them. */
  readonly holders: readonly string[];
  readonly used: Readonly<Counts>;
}

/**
 * Whether runs under way count for a budget. A request is counted when its run ends. Which account a run uses is known
 * at its end only, so the budget of an account counts only ended runs.
 */
export const countsUnderWay = ({ unit, holder }: Budget): boolean => unit !== "requests" && holder.kind !== "account";

/**
 * A run under way, by the rule of ended runs: the same holders, and the price of the model when the cost is not known.
 * It is no run of the period yet, and no unknown one: that is known at its end.
 */
export function toRunUnderWay(run: Pick<Run, "row" | "labels" | "tokens" | "costMicroUsd">): RunUnderWay {
  const ended = countsOf({ ...run, outcome: "cancelled", runMs: undefined, waitMs: undefined });
  const { input, output, cacheRead, cacheCreation, costMicroUsd, pricedMicroUsd } = ended;
  return {
    holders: holdersOf(run),
    used: { ...noCounts(), input, output, cacheRead, cacheCreation, costMicroUsd, pricedMicroUsd },
  };
}

/** Says what runs under way add to each of these budgets. It goes through the runs once, however many budgets there are. */
export function usedUnderWay(
  budgets: readonly Budget[],
  runs: readonly RunUnderWay[],
): (budget: Budget) => Readonly<Counts> {
  const sums = new Map(budgets.filter(countsUnderWay).map(({ holder }) => [holderKey(holder), noCounts()]));
  for (const { holders, used } of runs)
    for (const holder of holders) {
      const sum = sums.get(holder);
      if (sum) addCounts(sum, used);
    }
  return (budget) => (countsUnderWay(budget) && sums.get(holderKey(budget.holder))) || noCounts();
}
