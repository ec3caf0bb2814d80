import type { Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { Exhaustion, ShareSource, type UsageWindow } from "@ccsp/protos/ccsp/monitor/v1/windows.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import type { WindowReport } from "./domain/window-report.js";
import type { Windows } from "./windows.js";

export function windowHandlers(windows: Windows): Pick<Handlers<typeof MonitorServiceService>, "listUsageWindows"> {
  return {
    listUsageWindows: async ({ engine, account }) => ({
      windows: (await windows.report(new Date()))
        .filter(({ window }) => engine === "" || window.engine === engine)
        .filter(({ window }) => account === undefined || window.account === account)
        .map(windowMessage),
    }),
  };
}

const STATE = { open: WindowState.OPEN, warning: WindowState.WARNING, closed: WindowState.CLOSED } as const;
const SOURCE = {
  engine: ShareSource.ENGINE,
  "engine-and-usage": ShareSource.ENGINE_AND_USAGE,
  estimate: ShareSource.ESTIMATE,
  closed: ShareSource.CLOSED,
} as const;
const EXHAUSTION = {
  unknown: Exhaustion.UNSPECIFIED,
  lasts: Exhaustion.LASTS,
  "runs-out": Exhaustion.RUNS_OUT,
  "used-up": Exhaustion.USED_UP,
} as const;

function windowMessage({ window, used, share, source, exhaustion, reason }: WindowReport): UsageWindow {
  const { engine, account, name, state, startMs, resetMs, firstMs, signalMs, resets } = window;
  return {
    engine,
    account,
    name,
    state: state === undefined ? WindowState.UNSPECIFIED : STATE[state],
    startTime: timeOf(startMs),
    resetTime: timeOf(resetMs),
    usedShare: share,
    shareSource: source === undefined ? ShareSource.UNSPECIFIED : SOURCE[source],
    toldShare: window.share,
    firstSignalTime: timeOf(firstMs),
    lastSignalTime: timeOf(signalMs),
    resets,
    tokens: BigInt(used.tokens),
    costUsd: used.cost / 1e6,
    runs: BigInt(used.requests),
    runsWithoutCost: BigInt(used.withoutCost),
    exhaustion: EXHAUSTION[exhaustion.state],
    exhaustTime: exhaustion.state === "runs-out" ? timeOf(exhaustion.expected) : undefined,
    earliestExhaustTime:
      exhaustion.state === "runs-out" || exhaustion.state === "lasts" ? timeOf(exhaustion.earliest) : undefined,
    exhaustReason: reason,
  };
}

const timeOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(Math.round(ms)));
