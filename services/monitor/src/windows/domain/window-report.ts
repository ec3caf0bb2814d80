import { type Exhaustion, exhaustTime } from "../../forecast/domain/exhaust.js";
import type { Forecast, NoForecast } from "../../forecast/domain/forecast.js";
import type { Metric } from "../../forecast/domain/history.js";
import type { Known } from "../../forecast/usage-history.js";
import { type Full, present, type Window } from "./window.js";

/** Where a share comes from. `estimate`: from usage alone. */
export type ShareSource = "engine" | "engine-and-usage" | "estimate" | "closed";

export interface WindowReport {
  readonly window: Window;
  /** What CCSP used since the period began, or since the first signal. */
  readonly used: Known;
  readonly share: number | undefined;
  readonly source: ShareSource | undefined;
  readonly exhaustion: Exhaustion | { readonly state: "used-up" };
  /** Why it is not known when the window runs out. */
  readonly reason: string;
}

/** Below this share, the usage that fills a window would be a guess. */
const LEAST_SHARE = 0.1;

/** What a window report needs to know of usage. */
export interface UsageOf {
  sum(startMs: number, endMs: number): Promise<Known>;
  forecast(metric: Metric): Promise<Forecast | NoForecast>;
}

export async function reportWindow(stored: Window, usage: UsageOf, nowMs: number): Promise<WindowReport> {
  const window = present(stored, nowMs);
  const used = await usage.sum(window.startMs ?? window.firstMs, nowMs);
  const full = (await learnFull(window, usage)) ?? window.full;
  const known = { ...window, full };
  if (window.state === "closed")
    return { window: known, used, share: 1, source: "closed", exhaustion: { state: "used-up" }, reason: "" };
  const { share, source } = await shareOf(known, used, usage, nowMs);
  return { window: known, used, share, source, ...(await exhaustionOf({ window: known, full, share, usage, nowMs })) };
}

/**
 * The usage that fills the window, from what was used until the engine told its share or closed it. Undefined when it
 * told neither in this period, when the period's begin is not known, or when CCSP used nothing.
 */
async function learnFull(window: Window, usage: Pick<UsageOf, "sum">): Promise<Full | undefined> {
  const { startMs, share, shareMs, state, signalMs } = window;
  const [part, atMs] = state === "closed" ? [1, signalMs] : [share ?? 0, shareMs ?? 0];
  if (startMs === undefined || part < LEAST_SHARE) return undefined;
  const used = await usage.sum(startMs, atMs);
  if (used.requests === 0) return undefined;
  const { tokens, cost, requests, withoutCost } = used;
  return { tokens: tokens / part, cost: cost / part, requests: requests / part, costKnown: withoutCost === 0, atMs };
}

/** Providers weigh models by what they cost, so cost says more of a share than tokens do, if all of it is known. */
export const metricOf = (full: Full): Metric =>
  full.costKnown && full.cost > 0 ? "cost" : full.tokens > 0 ? "tokens" : "requests";

async function shareOf(
  { share, shareMs, startMs, full }: Window,
  used: Known,
  usage: UsageOf,
  nowMs: number,
): Promise<Pick<WindowReport, "share" | "source">> {
  if (share !== undefined && shareMs !== undefined) {
    if (full === undefined) return { share, source: "engine" };
    // The run that told the share ended in the step that is left out.
    const metric = metricOf(full);
    const since = (await usage.sum(shareMs + STEP_MS, nowMs))[metric];
    return since > 0
      ? { share: Math.min(1, share + since / full[metric]), source: "engine-and-usage" }
      : { share, source: "engine" };
  }
  if (full === undefined || startMs === undefined) return { share: undefined, source: undefined };
  return { share: Math.min(1, used[metricOf(full)] / full[metricOf(full)]), source: "estimate" };
}

const STEP_MS = 5 * 60_000;

async function exhaustionOf({
  window: { resetMs, startMs, lengthMs },
  full,
  share,
  usage,
  nowMs,
}: {
  readonly window: Window;
  readonly full: Full | undefined;
  readonly share: number | undefined;
  readonly usage: UsageOf;
  readonly nowMs: number;
}): Promise<Pick<WindowReport, "exhaustion" | "reason">> {
  const unknown = (reason: string) => ({ exhaustion: { state: "unknown" } as const, reason });
  if (share === undefined) return unknown("the engine has told no share, and the window was not seen to close");
  if (share >= 1) return { exhaustion: { state: "used-up" }, reason: "" };
  const end = resetMs ?? (startMs !== undefined && lengthMs !== undefined ? startMs + lengthMs : undefined);
  if (end === undefined || end <= nowMs) return unknown("it is not known when the window turns");
  if (full === undefined) return unknown("too little of the window was used to say how much usage fills it");
  const metric = metricOf(full);
  const forecast = await usage.forecast(metric);
  const exhaustion = exhaustTime({ used: share * full[metric], limit: full[metric], periodEnd: end }, forecast, nowMs);
  return { exhaustion, reason: forecast.state === "known" ? "" : forecast.reason };
}
