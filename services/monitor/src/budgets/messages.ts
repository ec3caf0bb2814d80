import type { GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import {
  BudgetAction,
  type BudgetHolder,
  type Budget as BudgetMessage,
  BudgetPeriod,
  BudgetUnit,
  type BudgetStanding as StandingMessage,
} from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { Holder, Standing } from "./domain/budget.js";
import { isUsedUp } from "./domain/budget.js";
import type { AskedBudget } from "./domain/read-budget.js";

const UNITS = wordsOf(BudgetUnit);
const PERIODS = wordsOf(BudgetPeriod);
export const ACTIONS = wordsOf(BudgetAction);

/** The budget that a request describes. Words of a newer release are undefined. */
export const askedBudget = ({
  name,
  holder,
  unit,
  limit,
  period,
  timeZone,
  action,
  warnShares,
}: BudgetMessage): AskedBudget => ({
  name,
  holder: holderOf(holder?.holder),
  unit: wordOf(UNITS, unit),
  limit,
  period: wordOf(PERIODS, period),
  timeZone,
  action: action === BudgetAction.UNSPECIFIED ? "default" : wordOf(ACTIONS, action),
  warnShares,
});

function holderOf(holder: NonNullable<BudgetMessage["holder"]>["holder"]): Holder | undefined {
  switch (holder?.$case) {
    case "everybody":
      return holder.value ? { kind: "everybody" } : undefined;
    case "agentId":
      return { kind: "agent", agent: holder.value };
    case "label":
      return { kind: "label", label: holder.value };
    case "model":
      return { kind: "model", model: holder.value };
    case "engine":
      return { kind: "engine", engine: holder.value };
    case "account":
      return { kind: "account", engine: holder.value.engine, account: holder.value.account };
    case undefined:
    default:
      return undefined;
  }
}

/** The tasks of a holder, as the queue names them. */
export const scopeOf = (holder: Holder): GateScope => ({
  scope: holder.kind === "everybody" ? { $case: "all", value: true } : namedHolder(holder),
});

const holderMessage = (holder: Holder): BudgetHolder => ({
  holder: holder.kind === "everybody" ? { $case: "everybody", value: true } : namedHolder(holder),
});

/** Both contracts have the same names for these. */
function namedHolder(holder: Exclude<Holder, { readonly kind: "everybody" }>) {
  switch (holder.kind) {
    case "agent":
      return { $case: "agentId", value: holder.agent } as const;
    case "label":
      return { $case: "label", value: holder.label } as const;
    case "model":
      return { $case: "model", value: holder.model } as const;
    case "engine":
      return { $case: "engine", value: holder.engine } as const;
    case "account":
    default:
      return { $case: "account", value: { engine: holder.engine, account: holder.account } } as const;
  }
}

export function standingMessage(standing: Standing, exhaustTime: Date | undefined): StandingMessage {
  const { budget, period, used, share, runs, unknownRuns } = standing;
  const { name, holder, unit, limit, timeZone, action, warnShares, who, changedMs } = budget;
  return {
    budget: {
      name,
      holder: holderMessage(holder),
      unit: UNITS[unit],
      limit,
      period: PERIODS[budget.period],
      timeZone,
      action: ACTIONS[action],
      warnShares: [...warnShares],
      who,
      changeTime: new Date(changedMs),
    },
    used,
    share,
    periodStartTime: new Date(period.startMs),
    periodEndTime: new Date(period.endMs),
    actionInForce: isUsedUp(standing) ? ACTIONS[action] : BudgetAction.UNSPECIFIED,
    runs: BigInt(runs),
    unknownRuns: BigInt(unknownRuns),
    exhaustTime,
  };
}
