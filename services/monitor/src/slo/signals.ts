import { exportedSignal, type Signal, type SignalSource } from "../signals/signal.js";
import { WINDOW_NAMES } from "./domain/burn.js";
import { OBJECTIVE_NAMES } from "./domain/objectives.js";
import type { SloReport } from "./slo-report.js";

const METRICS = [
  exportedSignal({
    name: "slo_burn_rate",
    help: "How fast an error budget is used: 1 uses it up in exactly 30 days; the windows `fast` (threshold 14.4) and `slow` (threshold 1) are the pairs of windows of the SRE workbook",
    labels: { slo: OBJECTIVE_NAMES, window: [...WINDOW_NAMES, "fast", "slow"] },
  }),
  exportedSignal({
    name: "slo_error_budget_left",
    help: "Share of the error budget of 30 days that is left; below 0: more was bad than the objective allows",
    labels: { slo: OBJECTIVE_NAMES },
  }),
];

/** The signals of the objectives. One without a call or start in its window has none. */
export const sloSignals = (report: (now: Date) => Promise<SloReport>): SignalSource => ({
  metrics: METRICS,
  read: async (now) =>
    (await report(now)).standings.flatMap(({ objective: { name: slo }, budget, budgetLeft, burns, alertRates }) => {
      if (budget.total === 0) return [];
      const signals: Signal[] = [{ metric: "slo_error_budget_left", labels: { slo }, value: budgetLeft }];
      for (const burn of ["fast", "slow"] as const)
        signals.push({ metric: "slo_burn_rate", labels: { slo, window: burn }, value: alertRates[burn] });
      for (const window of WINDOW_NAMES)
        signals.push({ metric: "slo_burn_rate", labels: { slo, window }, value: burns[window].rate });
      return signals;
    }),
});
