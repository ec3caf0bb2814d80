import type { RedisClient } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Forecasts } from "../forecast/forecasts.js";
import type { UsageHistories } from "../forecast/usage-history.js";
import type { Duty } from "../state/leader.js";
import { openState } from "../state/state-store.js";
import { windowHandlers } from "./handlers.js";
import { windowSignals } from "./signals.js";
import { saidByEvent } from "./signals-of-event.js";
import { parseWindow } from "./stored.js";
import { createWindows } from "./windows.js";

const WATCH_MS = 30_000;

/** The slice of usage windows: what it does with events, its RPCs, its duty and its signals for alerts. */
export function openWindows(
  redis: RedisClient,
  deps: { readonly histories: UsageHistories; readonly forecasts: Forecasts; readonly log: Logger },
) {
  const windows = createWindows({
    store: openState({ redis, log: deps.log, part: "windows", parse: parseWindow }),
    ...deps,
  });
  const watch: Duty = { name: "windows", everyMs: WATCH_MS, turn: () => windows.watch(new Date()) };
  return {
    windows,
    handle: async (event: Parameters<typeof saidByEvent>[0]): Promise<void> => {
      const said = saidByEvent(event);
      if (said) await windows.learn(said);
    },
    handlers: windowHandlers(windows),
    signals: windowSignals(windows),
    duties: [watch],
  };
}
