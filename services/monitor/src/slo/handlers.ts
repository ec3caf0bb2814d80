import type { Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { Slo } from "@ccsp/protos/ccsp/monitor/v1/slo.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { alertOf, BUDGET_WINDOW_MS, type Standing, WINDOW_NAMES, WINDOWS } from "./domain/burn.js";
import type { SloReport } from "./slo-report.js";

export const sloHandlers = (
  report: (now: Date) => Promise<SloReport>,
): Pick<Handlers<typeof MonitorServiceService>, "getSlos"> => ({
  getSlos: async () => {
    const now = new Date();
    const { standings, p95, startMs } = await report(now);
    return {
      time: now,
      slos: standings.map((standing) => sloMessage(standing, p95)),
      budgetWindow: toDuration(BUDGET_WINDOW_MS),
      startTime: startMs === undefined || startMs <= now.getTime() - BUDGET_WINDOW_MS ? undefined : new Date(startMs),
    };
  },
});

function sloMessage(standing: Standing, p95: number | undefined): Slo {
  const { objective, budget, budgetLeft, burns } = standing;
  return {
    name: objective.name,
    description: objective.description,
    objective: objective.share,
    goodShare: budget.total === 0 ? undefined : 1 - budget.bad / budget.total,
    total: BigInt(budget.total),
    bad: BigInt(budget.bad),
    budgetLeft,
    burnRates: WINDOW_NAMES.map((window) => ({
      window: toDuration(WINDOWS[window]),
      rate: burns[window].rate,
      total: BigInt(burns[window].total),
    })),
    burn: alertOf(standing),
    p95:
      objective.name === "latency" && p95 !== undefined && Number.isFinite(p95) ? toDuration(p95 * 1_000) : undefined,
  };
}
