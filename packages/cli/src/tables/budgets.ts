import {
  BudgetAction,
  type BudgetHolder,
  BudgetPeriod,
  type BudgetStanding,
  BudgetUnit,
} from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { grouped, localTime, money } from "../output/words.js";

/** The holder in the form of scopes, such as `agent/ci`. */
export function holderName(holder: BudgetHolder | undefined): string {
  switch (holder?.holder?.$case) {
    case "everybody":
      return "everybody";
    case "agentId":
      return `agent/${holder.holder.value}`;
    case "label":
      return `label/${holder.holder.value}`;
    case "model":
      return `model/${holder.holder.value}`;
    case "engine":
      return `engine/${holder.holder.value}`;
    case "account":
      return `account/${holder.holder.value.engine}/${holder.holder.value.account}`;
    case undefined:
    default:
      return "unknown";
  }
}

function amount(unit: BudgetUnit | undefined, value: number): string {
  if (unit === BudgetUnit.USD) return money(value);
  return grouped(value);
}

const UNITS: Partial<Record<BudgetUnit, string>> = {
  [BudgetUnit.TOKENS]: " tokens",
  [BudgetUnit.REQUESTS]: " requests",
};
const PERIODS: Partial<Record<BudgetPeriod, string>> = {
  [BudgetPeriod.HOUR]: "an hour",
  [BudgetPeriod.DAY]: "a day",
  [BudgetPeriod.MONTH]: "a month",
};

/** The limit in words, such as `100 requests a day`. */
export function limitWords({ budget }: BudgetStanding): string {
  if (budget === undefined) return "unknown";
  const { unit, limit, period } = budget;
  return `${amount(unit, limit)}${UNITS[unit] ?? ""} ${PERIODS[period] ?? "a period"}`;
}

/** The used share. It is rounded down, so that 100 % means that the budget is used up. */
export const shareWords = ({ share }: BudgetStanding): string => `${grouped(Math.floor(share * 100))} %`;

export function stateWords({ actionInForce, budget, share }: BudgetStanding): string {
  if (actionInForce === BudgetAction.REFUSE) return "refuses";
  if (actionInForce === BudgetAction.PARK) return "parks";
  return budget?.warnShares.some((warn) => share >= warn) === true ? "warns" : "";
}

/** Runs that did not count, in words. Empty when there are none. */
export const unknownWords = ({ unknownRuns, runs }: BudgetStanding): string =>
  unknownRuns === 0n ? "" : `${grouped(unknownRuns)} of ${grouped(runs)}`;

export const BUDGET_COLUMNS: readonly Column<BudgetStanding>[] = [
  { header: "BUDGET", value: ({ budget }) => budget?.name ?? "", min: 8 },
  { header: "HOLDER", value: ({ budget }) => holderName(budget?.holder), min: 10, wanted: 16 },
  { header: "LIMIT", value: limitWords },
  { header: "USED", value: ({ budget, used }) => amount(budget?.unit, used), align: "right", drop: 3 },
  { header: "SHARE", value: shareWords, align: "right" },
  { header: "STATE", value: stateWords, colour: stateColour },
  { header: "UNTIL", value: ({ periodEndTime }) => localTime(periodEndTime), drop: 2 },
  { header: "NOT COUNTED", value: unknownWords, align: "right", drop: 1 },
  { header: "USED UP AT", value: ({ exhaustTime }) => (exhaustTime ? localTime(exhaustTime) : ""), drop: 4 },
  { header: "TIME ZONE", value: ({ budget }) => budget?.timeZone ?? "", only: "wide" },
  { header: "SET BY", value: ({ budget }) => budget?.who ?? "", only: "wide" },
];
