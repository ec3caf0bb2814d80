import { EVENT_WORDS } from "@ccsp/events";
import type { Logger } from "pino";
import type { Forecasts } from "../forecast/forecasts.js";
import type { UsageHistories } from "../forecast/usage-history.js";
import type { ChangeEvent, Entry, StateStore } from "../state/state-store.js";
import type { UsageFilter } from "../usage/domain/usage-report.js";
import { noticeOf } from "./domain/thresholds.js";
import { afterResume, afterSignal, type Login, present, saysNews, type Window, windowName } from "./domain/window.js";
import { reportWindow, type UsageOf, type WindowReport } from "./domain/window-report.js";
import type { Said } from "./signals-of-event.js";

/** Plugins name their windows as they like. */
const MOST_WINDOWS = 500;
const FORGOTTEN_MS = 60 * 86_400_000;
const TRIES = 5;

export interface Windows {
  /** Takes in what an event says. Safe to repeat. */
  learn(said: Said): Promise<void>;
  /** All windows as they stand now, sorted by engine, login and name. */
  report(now: Date): Promise<readonly WindowReport[]>;
  /** Tells of the shares that were passed, once per share and period, and remembers what fills each window. */
  watch(now: Date): Promise<void>;
}

export interface WindowsOptions {
  readonly store: StateStore<Window>;
  readonly histories: UsageHistories;
  readonly forecasts: Forecasts;
  readonly log: Logger;
}

export function createWindows({ store, histories, forecasts, log }: WindowsOptions): Windows {
  /** What this replica knows was stored. It saves the read of a signal without news. */
  const seen = new Map<string, Entry<Window>>();

  async function learnOne(name: string, next: (before: Window | undefined) => Window | undefined): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = tries === 0 ? seen.get(name) : await store.get(name);
      const after = next(before?.value);
      if (after === undefined || !saysNews(before?.value, after)) return;
      if (before === undefined && tries > 0 && (await store.names()).size >= MOST_WINDOWS) {
        log.warn({ window: name }, "too many usage windows: a new one is not kept");
        return;
      }
      // What this replica has not seen may be there all the same.
      const stored = before === undefined && tries === 0 ? "conflict" : await store.change({ name, before, after });
      if (stored === "conflict" || stored === "removed") continue;
      if (seen.size >= MOST_WINDOWS) seen.clear();
      seen.set(name, stored);
      return;
    }
    log.warn({ window: name }, "what an engine said of a usage window was not stored: others change it all the time");
  }

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
      for (const signal of signals)
        await learnOne(windowName({ ...login, name: signal.name }), (before) =>
          afterSignal(login, before, signal, atMs),
        );
      if (!resumed) return;
      for (const { name, value } of await store.list())
        if (value.engine === engine && value.account === account)
          await learnOne(name, (before) => before && afterResume(before, atMs));
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
          await store.change({ name, before: entry, after: undefined });
          continue;
        }
        const notice = noticeOf(report, nowMs);
        const { full } = report.window;
        if (notice === undefined && full?.atMs === value.full?.atMs) continue;
        // A turned window is stored as turned only to tell of its new period: until then, a signal turns it.
        const after = notice ? { ...present(value, nowMs), full, told: notice.told } : { ...value, full };
        const events = notice ? [thresholdEvent(report, notice.threshold, now)] : [];
        // On a conflict, the next turn decides again.
        await store.change({ name, before: entry, after, events });
      }
    },
  };
}

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
