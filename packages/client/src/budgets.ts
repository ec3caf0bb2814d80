import {
  BudgetAction,
  BudgetPeriod,
  BudgetUnit,
  type BudgetStanding as Message,
} from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { wordsOf } from "@ccsp/protos/words.js";
import { answered } from "./errors.js";
import { wordOf } from "./words.js";

/** A budget that the agent holds, and where it stands in its present period. */
export interface BudgetStanding {
  readonly name: string;
  /** What it limits: US dollars, tokens of all kinds together, or runs. */
  readonly unit: "usd" | "tokens" | "requests" | "unknown";
  /** How much may be used in a period, in the unit. */
  readonly limit: number;
  readonly period: "hour" | "day" | "month" | "unknown";
  /** IANA name of the time zone in which periods begin. */
  readonly timeZone: string;
  /**
   * What happens when it is used up, until the period ends. `refuse`: new tasks are refused with BUDGET_EXHAUSTED.
   * `park`: they are accepted and wait.
   */
  readonly action: BudgetActionName;
  /** Shares of the limit at which operators are warned. Empty means 0.8 and 0.95. */
  readonly warnShares: readonly number[];
  /** The person or program that changed it last. */
  readonly who: string;
  /** When it was changed last. */
  readonly changeTime: Date | undefined;
  /** What was used, in the unit. */
  readonly used: number;
  /** The used share of the limit. 1 or more: the budget is used up. */
  readonly share: number;
  readonly periodStartTime: Date;
  readonly periodEndTime: Date;
  /** What happens to new tasks now. Undefined while the budget is not used up. */
  readonly actionInForce: BudgetActionName | undefined;
  /** Number of runs of this period. */
  readonly runs: number;
  /** Number of these runs that did not count, because their cost or their tokens are not known. */
  readonly unknownRuns: number;
  /** When it is predicted to be used up. Undefined: it is not predicted to be, in this period. */
  readonly exhaustTime: Date | undefined;
}

export type BudgetActionName = "refuse" | "park" | "unknown";

const UNITS = wordsOf(BudgetUnit);
const PERIODS = wordsOf(BudgetPeriod);
const ACTIONS = wordsOf(BudgetAction);

export function toBudgetStanding(standing: Message): BudgetStanding {
  const budget = answered(standing.budget, "the budget of a standing");
  const { name, limit, timeZone, warnShares, who, changeTime } = budget;
  const { used, share, actionInForce, exhaustTime } = standing;
  return {
    ...{ name, limit, warnShares, who, changeTime, used, share, exhaustTime },
    unit: wordOf(UNITS, budget.unit),
    period: wordOf(PERIODS, budget.period),
    timeZone: timeZone || "UTC",
    action: budget.action === BudgetAction.UNSPECIFIED ? "refuse" : wordOf(ACTIONS, budget.action),
    periodStartTime: answered(standing.periodStartTime, "the start of a period"),
    periodEndTime: answered(standing.periodEndTime, "the end of a period"),
    actionInForce: actionInForce === BudgetAction.UNSPECIFIED ? undefined : wordOf(ACTIONS, actionInForce),
    runs: Number(standing.runs),
    unknownRuns: Number(standing.unknownRuns),
  };
}
