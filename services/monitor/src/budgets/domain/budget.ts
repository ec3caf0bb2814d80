import type { Counts } from "../../usage/domain/counts.js";
import { labelOf } from "../../usage/domain/labels.js";
import { type Period, type PeriodKind, periodAt } from "../../usage/domain/period.js";
import type { Run } from "../../usage/domain/run.js";
import type { UsageFilter } from "../../usage/domain/usage-report.js";

/** Whose usage a budget limits. A label is `key=value`. The members beside `kind` are named as the dimensions of usage. */
export type Holder =
  | { readonly kind: "everybody" }
  | { readonly kind: "agent"; readonly agent: string }
  | { readonly kind: "label"; readonly label: string }
  | { readonly kind: "model"; readonly model: string }
  | { readonly kind: "engine"; readonly engine: string }
  | { readonly kind: "account"; readonly engine: string; readonly account: string };

/** The usage that a holder has. */
export function usageOf({ kind: _kind, ...filter }: Holder): UsageFilter {
  return filter;
}

/** The same by one dimension, as minutes and forecasts have it: of an account, the usage of its name at any engine. */
export const usageByOne = (holder: Holder): UsageFilter =>
  holder.kind === "account" ? { account: holder.account } : usageOf(holder);

/** A limit on what may be used in each period. */
export interface BudgetTerms {
  readonly name: string;
  readonly holder: Holder;
  readonly unit: "usd" | "tokens" | "requests";
  /** In the unit of the budget. */
  readonly limit: number;
  readonly period: PeriodKind;
  /** IANA name. */
  readonly timeZone: string;
  readonly action: "refuse" | "park";
  /** Sorted, between 0 and 1. */
  readonly warnShares: readonly number[];
}

export interface Budget extends BudgetTerms {
  readonly who: string;
  readonly changedMs: number;
  /** Runs that ended from this time on are counted by the budget's own counters. */
  readonly countFromMs: number;
  /**
   * Whether usage knows what its holder has used before. Then `countFromMs` is a full minute, because usage knows
   * minutes.
   */
  readonly fromUsage: boolean;
  /** The largest share of which an event has told, and the period in which it did. */
  readonly told?: { readonly periodStartMs: number; readonly share: number };
}

/** Every replica of the monitor knows a budget this long after it was put. Only then do its own counters begin. */
const KNOWN_AFTER_MS = 5_000;
const MINUTE_MS = 60_000;

/** The budget that these terms make of the one before. Its counters go on if they count the same as before. */
export function changedBudget(
  terms: BudgetTerms,
  before: Budget | undefined,
  { who, nowMs, allowedLabels }: { who: string; nowMs: number; allowedLabels: readonly string[] },
): Budget {
  const goesOn = before !== undefined && countedBy(before) === countedBy(terms);
  if (goesOn) return { ...before, ...terms, who, changedMs: nowMs };
  const fromUsage = isInUsage(terms.holder, allowedLabels);
  const countFromMs = fromUsage ? Math.ceil((nowMs + KNOWN_AFTER_MS) / MINUTE_MS) * MINUTE_MS : nowMs;
  return { ...terms, who, changedMs: nowMs, countFromMs, fromUsage };
}

/** Usage counts by the labels that the settings allow. What others used before a budget was made is not known. */
function isInUsage(holder: Holder, allowedLabels: readonly string[]): boolean {
  if (holder.kind !== "label") return true;
  const at = holder.label.indexOf("=");
  return labelOf({ [holder.label.slice(0, at)]: holder.label.slice(at + 1) }, allowedLabels) === holder.label;
}

const countedBy = ({ holder, period, timeZone }: BudgetTerms): string => JSON.stringify([holder, period, timeZone]);

/** The name of the counter of a budget in one period. */
export const counterOf = ({ name, countFromMs }: Budget, { startMs }: Period): string =>
  `${name}/${countFromMs}/${startMs}`;

/** The counters to which a run adds. */
export function countersOf(budgets: readonly Budget[], run: Run): readonly string[] {
  const endMs = run.endTime.getTime();
  const holders = new Set(holdersOf(run));
  return budgets
    .filter((budget) => endMs >= budget.countFromMs && holders.has(holderKey(budget.holder)))
    .map((budget) => counterOf(budget, periodAt(budget.period, budget.timeZone, endMs)));
}

/** The holders to whom a run belongs, each as `holderKey` names it. */
export function holdersOf({ row, labels = {} }: Pick<Run, "row" | "labels">): readonly string[] {
  const { agent, model, engine, account } = row;
  const holders: readonly Holder[] = [
    { kind: "everybody" },
    { kind: "agent", agent },
    { kind: "model", model },
    { kind: "engine", engine },
    { kind: "account", engine, account },
    // The row has only the labels by which usage is counted.
    ...Object.entries(labels).map(([key, value]) => ({ kind: "label", label: `${key}=${value}` }) as const),
  ];
  return holders.map(holderKey);
}

/** A text that no other holder has. */
export function holderKey(holder: Holder): string {
  switch (holder.kind) {
    case "everybody":
      return holder.kind;
    case "agent":
      return `agent/${holder.agent}`;
    case "label":
      return `label/${holder.label}`;
    case "model":
      return `model/${holder.model}`;
    case "engine":
      return `engine/${holder.engine}`;
    case "account":
    default:
      // The name of an engine has no slash.
      return `account/${holder.engine}/${holder.account}`;
  }
}

/** Where a budget stands in a period. */
export interface Standing {
  readonly budget: Budget;
  readonly period: Period;
  /** In the unit of the budget. */
  readonly used: number;
  readonly share: number;
  readonly runs: number;
  /** Runs that did not count, because neither their cost nor what it would be is known, or their tokens are not. */
  readonly unknownRuns: number;
}

export function standingOf(budget: Budget, period: Period, counts: Readonly<Counts>): Standing {
  const { unit, limit } = budget;
  const tokens = counts.input + counts.output + counts.cacheRead + counts.cacheCreation;
  const used = { usd: (counts.costMicroUsd + counts.pricedMicroUsd) / 1e6, tokens, requests: counts.runs }[unit];
  const unknownRuns = { usd: counts.withoutCost - counts.priced, tokens: counts.withoutUsage, requests: 0 }[unit];
  return { budget, period, used, share: used / limit, runs: counts.runs, unknownRuns };
}

export const isUsedUp = ({ share }: Standing): boolean => share >= 1;

/**
 * The largest share that was reached and of which no event has told in this period. 1: the budget is used up. Undefined
 * when there is none. When several are reached at once, only the largest is reported.
 */
export function shareToTell({ budget, period, share }: Standing): number | undefined {
  const { told, warnShares } = budget;
  const reached = [...warnShares, 1].filter((each) => share >= each).at(-1);
  const before = told?.periodStartMs === period.startMs ? told.share : 0;
  return reached !== undefined && reached > before ? reached : undefined;
}

const UNIT_WORDS = { usd: "USD", tokens: "tokens", requests: "requests" } as const;

/** The limit in words, such as `100 requests a day`. */
export function limitWords({ limit, unit, period }: BudgetTerms): string {
  const amount = limit.toLocaleString("en-US", { maximumFractionDigits: 6 });
  const what = limit === 1 && unit !== "usd" ? UNIT_WORDS[unit].slice(0, -1) : UNIT_WORDS[unit];
  return `${amount} ${what} ${period === "hour" ? "an" : "a"} ${period}`;
}
