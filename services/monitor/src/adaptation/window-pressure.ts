import type { Forecast } from "../forecast/domain/forecast.js";
import { STEP_MS } from "../forecast/domain/history.js";
import type { Forecasts } from "../forecast/forecasts.js";
import type { UsageHistories } from "../forecast/usage-history.js";
import { metricOf, type WindowReport } from "../windows/domain/window-report.js";
import { filterOf, type Windows } from "../windows/windows.js";
import type { Pressure, PressureSource } from "./domain/pressure.js";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Starts are averaged over this many whole steps. */
const AVERAGED_STEPS = 2;

export interface WindowPressureOptions {
  readonly windows: Pick<Windows, "report">;
  readonly histories: Pick<UsageHistories, "sum">;
  readonly forecasts: Forecasts;
}

/**
 * The usage windows of logins as limits. A window is left out while its share, or the usage that fills it, or its
 * forecast is not known: nobody is slowed down for a guess.
 */
export function windowPressure({ windows, histories, forecasts }: WindowPressureOptions): PressureSource {
  const pressureOf = async ({ window, share }: WindowReport, now: Date): Promise<Pressure | undefined> => {
    const { engine, account, name, full, resetMs } = window;
    if (share === undefined || full === undefined) return undefined;
    const filter = filterOf(window);
    const metric = metricOf(full);
    const { forecast } = await forecasts.of(filter, metric, now);
    if (forecast.state !== "known") return undefined;
    const nowMs = now.getTime();
    const untilMs = Math.min(nowMs + HOUR_MS, resetMs ?? Number.POSITIVE_INFINITY);
    const end = Math.floor(nowMs / STEP_MS) * STEP_MS;
    const { requests } = await histories.sum(filter, end - AVERAGED_STEPS * STEP_MS, end, now);
    return {
      subject: `account/${engine}/${account}`,
      scope: `the window ${name}`,
      usedShare: share,
      predictedShare: share + usageUntil(forecast, nowMs, untilMs) / full[metric],
      startsPerMinute: requests / ((AVERAGED_STEPS * STEP_MS) / MINUTE_MS),
      fillingStarts: full.requests,
      turnMs: resetMs,
    };
  };
  return {
    async read(now) {
      const pressures: Pressure[] = [];
      for (const report of await windows.report(now)) {
        const pressure = await pressureOf(report, now);
        if (pressure) pressures.push(pressure);
      }
      return pressures;
    },
  };
}

/** The expected usage between two times. */
export function usageUntil({ path, from }: Forecast, startMs: number, endMs: number): number {
  let sum = 0;
  const first = Math.max(1, Math.floor((startMs - from) / STEP_MS) + 1);
  for (let k = first; from + (k - 1) * STEP_MS < endMs; k++) {
    const within = Math.min(endMs, from + k * STEP_MS) - Math.max(startMs, from + (k - 1) * STEP_MS);
    sum += path(k) * Math.max(0, within / STEP_MS);
  }
  return sum;
}
