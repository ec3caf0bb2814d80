import type { Counts } from "./counters.js";
import type { Objective, Tally } from "./objectives.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The windows over which burn rates are looked at, by their names in labels. */
export const WINDOWS = {
  "5m": 5 * MINUTE_MS,
  "30m": 30 * MINUTE_MS,
  "1h": HOUR_MS,
  "6h": 6 * HOUR_MS,
  "3d": 3 * DAY_MS,
} as const;
export type Window = keyof typeof WINDOWS;
export const WINDOW_NAMES: readonly Window[] = ["5m", "30m", "1h", "6h", "3d"];

export const BUDGET_WINDOW_MS = 30 * DAY_MS;

const FAST = 14.4;

/** From these rates, an alert is called for. */
const ALERT_RATES: Readonly<Record<Burn, number>> = { fast: FAST, slow: 1 };

/**
 * The alerts of "The Site Reliability Workbook", chapter 5, "Alerting on SLOs", table 5-8, for a budget of 30 days. Both
 * windows of a pair must burn at this rate: the long one shows that it matters, and the short one that it still goes on.
 * The pairs use 2 % of the budget in an hour, 5 % in six hours and 10 % in three days.
 */
const PAIRS = [
  { burn: "fast", long: "1h", short: "5m", rate: FAST },
  { burn: "slow", long: "6h", short: "30m", rate: 6 },
  { burn: "slow", long: "3d", short: "6h", rate: 1 },
] as const satisfies readonly { burn: Burn; long: Window; short: Window; rate: number }[];

export type Burn = "fast" | "slow";

/**
 * With few calls, one that fails burns fast. A pair counts only from so many bad calls in its long window, as the
 * chapter's part "Low-Traffic Services and Error Budget Alerting" proposes a least number of failures.
 */
const LEAST_BAD = 5;

/** How an objective is kept. */
export interface Standing {
  readonly objective: Objective;
  readonly budget: Tally;
  /** Share of the error budget that is left. Below 0: more was bad than the objective allows. 1 when nothing happened. */
  readonly budgetLeft: number;
  readonly burns: Readonly<Record<Window, Tally & { readonly rate: number }>>;
  /**
   * The burn rate that the alert of each kind compares with its threshold, `ALERT_RATES`: the lower rate of the two
   * windows of its pair. Of the slow pairs, the worse one counts, and its rate is divided by its own threshold.
   */
  readonly alertRates: Readonly<Record<Burn, number>>;
}

/** How fast a budget is used: 1 uses it up in exactly its window. 0 when nothing was counted. */
const burnRate = ({ total, bad }: Tally, share: number): number => (total === 0 ? 0 : bad / total / (1 - share));

export function standingOf(objective: Objective, counts: Readonly<Record<Window | "budget", Counts>>): Standing {
  const over = (window: Window) => {
    const tally = objective.tally(counts[window]);
    return { ...tally, rate: burnRate(tally, objective.share) };
  };
  const burns = { "5m": over("5m"), "30m": over("30m"), "1h": over("1h"), "6h": over("6h"), "3d": over("3d") };
  const budget = objective.tally(counts.budget);
  const most = (burn: Burn): number =>
    Math.max(
      ...PAIRS.filter((pair) => pair.burn === burn).map(({ long, short, rate }) =>
        burns[long].bad < LEAST_BAD ? 0 : (Math.min(burns[long].rate, burns[short].rate) * ALERT_RATES[burn]) / rate,
      ),
    );
  return {
    objective,
    budget,
    budgetLeft: 1 - burnRate(budget, objective.share),
    burns,
    alertRates: { fast: most("fast"), slow: most("slow") },
  };
}

/** The alert that the burn rates call for. */
export function alertOf({ alertRates }: Standing): Burn | "" {
  if (alertRates.fast >= ALERT_RATES.fast) return "fast";
  return alertRates.slow >= ALERT_RATES.slow ? "slow" : "";
}
