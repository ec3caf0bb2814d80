import type { Signal, SignalSource } from "../signals/signal.js";
import { WINDOW_NAMES } from "./burn.js";
import type { SloReport } from "./slo-report.js";

/** The signals of the objectives. One without a call or start in its window has none. */
export const sloSignals = (report: (now: Date) => Promise<SloReport>): SignalSource => ({
  metrics: [
    {
      name: "slo_burn_rate",
      help: "How fast an error budget is used: 1 uses it up in exactly 30 days",
      labels: ["slo", "window"],
    },
    {
      name: "slo_burn_over_threshold",
      help: "How far the burn rates of an objective are above the thresholds of the SRE workbook, in both windows of a pair: from 1, it calls for an alert",
      labels: ["slo", "burn"],
    },
    {
      name: "slo_error_budget_left",
      help: "Share of the error budget of 30 days that is left; below 0: more was bad than the objective allows",
      labels: ["slo"],
    },
  ],
  read: async (now) =>
    (await report(now)).standings.flatMap(({ objective: { name: slo }, budget, budgetLeft, burns, overThreshold }) => {
      if (budget.total === 0) return [];
      const signals: Signal[] = [{ metric: "slo_error_budget_left", labels: { slo }, value: budgetLeft }];
      for (const burn of ["fast", "slow"] as const)
        signals.push({ metric: "slo_burn_over_threshold", labels: { slo, burn }, value: overThreshold[burn] });
      for (const window of WINDOW_NAMES)
        signals.push({ metric: "slo_burn_rate", labels: { slo, window }, value: burns[window].rate });
      return signals;
    }),
});
