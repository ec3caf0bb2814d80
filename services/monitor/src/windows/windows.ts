import { EVENT_WORDS } from "@ccsp/events";
import type { Logger } from "pino";
import type { Forecasts } from "../forecast/forecasts.js";
import type { UsageHistories } from "../forecast/usage-history.js";
import type { ChangeEvent, Entry, StateStore } from "../state/state-store.js";
import type { UsageFilter } from "../usage/domain/usage-report.js";
import { noticeOf } from "./domain/thresholds.js";
import { afterResume, afterSignal, type Login, present, type Window, windowName } from "./domain/window.js";
import { reportWindow, type UsageOf, type WindowReport } from "./domain/window-report.js";
import type { Said } from "./signals-of-event.js";
import { windowWriter } from "./window-writer.js";

const FORGOTTEN_MS = 60 * 86_400_000;

export interface Windows {
  /** Takes in what an event says. When it resolves, it is stored. Safe to repeat. */
  learn(said: Said): Promise<void>;
  /** All windows as they stand now, sorted by engine, login and name. */
  report(now: Date): Promise<readonly WindowReport[]>;
  /** Reports the shares that were passed, once per share and period, and remembers what fills each window. */
  watch(now: Date): Promise<void>;
}

export interface WindowsOptions {
  readonly store: StateStore<Window>;
  readonly histories: UsageHistories;
  readonly forecasts: Forecasts;
  readonly log: Logger;
}

export function createWindows({ store, histories, forecasts, log }: WindowsOptions): Windows {
  const write = windowWriter(store, log);

  const usageOf = (login: Login, now: Date): UsageOf => {
    const filter = filterOf(login);
    return {
      sum: (startMs, endMs) => histories.sum(filter, startMs, endMs, now),
      forecast: async (metric) => (await forecasts.of(filter, metric, now)).forecast,
    };
  };

  async function reports(now: Date): Promise<{ readonly entry: Entry<Window>; readonly report: WindowReport }[]> {
    const found: { readonly entry: Entry<Window>; readonly report: WindowReport }[] = [];
    for (const entry of await store.list()) {
      const report = await reportWindow(entry.value, usageOf(entry.value, now), now.getTime());
      found.push({ entry, report });
    }
    return found;
  }

  return {
    learn: async ({ engine, account, atMs, signals, resumed }) => {
      const login = { engine, account };
      const changes = signals.map((signal) =>
        write(windowName({ ...login, name: signal.name }), (before) => ({
          window: afterSignal(login, before, signal, atMs),
        })),
      );
      await Promise.all(changes);
      if (!resumed) return;
      for (const { name, value } of await store.list())
        if (value.engine === engine && value.account === account)
          await write(name, (before) => before && { window: afterResume(before, atMs) });
    },

    report: async (now) =>
      (await reports(now))
        .map(({ report }) => report)
        .toSorted((a, b) => (windowName(a.window) < windowName(b.window) ? -1 : 1)),

    watch: async (now) => {
      const nowMs = now.getTime();
      for (const { entry, report } of await reports(now)) {
        const { name, value } = entry;
        if (value.signalMs < nowMs - FORGOTTEN_MS) {
          await write(name, (before) => (before?.signalMs === value.signalMs ? { window: undefined } : undefined));
          continue;
        }
        const notice = noticeOf(report, nowMs);
        const { full } = report.window;
        if (notice === undefined && full?.atMs === value.full?.atMs) continue;
        await write(name, (before) => {
          if (before === undefined) return undefined;
          // Signals may have come since the report was made. What it says counts for as long as the period is the same.
          const turned = present(before, nowMs);
          if (notice === undefined || !isSamePeriod(turned, report.window) || turned.told.includes(notice.threshold))
            return full === undefined ? undefined : { window: { ...before, full } };
          // A turned window is stored as turned only to report its new period: until then, a signal turns it.
          const told = [...new Set([...turned.told, ...notice.told])];
          return { window: { ...turned, full, told }, events: [thresholdEvent(report, notice.threshold, now)] };
        });
      }
    },
  };
}

const isSamePeriod = (one: Window, other: Window): boolean =>
  one.firstMs === other.firstMs && one.resets === other.resets;

/**
 * The usage of a login. Below an hour, each dimension is counted by itself. So it is everything of the login's name, or
 * of the engine if the engine has only one login.
 */
export const filterOf = ({ engine, account }: Login): UsageFilter => (account === "" ? { engine } : { account });

function thresholdEvent({ window, share = 0, exhaustion }: WindowReport, threshold: number, time: Date): ChangeEvent {
  const { startMs, resetMs, firstMs, resets } = window;
  const value = {
    kind: "window",
    kindEnum: EVENT_WORDS.kind.window,
    name: windowName(window),
    threshold,
    share,
    periodStartTime: startMs === undefined ? undefined : new Date(startMs),
    periodEndTime: resetMs === undefined ? undefined : new Date(resetMs),
    exhaustTime: exhaustion.state === "runs-out" ? new Date(Math.round(exhaustion.expected)) : undefined,
    action: "warn",
    actionEnum: EVENT_WORDS.action.warn,
  };
  // The number of resets since the first signal names the period: the provider may move its times.
  return {
    key: `window/${windowName(window)}/${firstMs}/${resets}/${threshold}`,
    time,
    data: { $case: "usageThreshold", value },
  };
}
