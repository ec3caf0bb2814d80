import type { Bucket, CountStore, Step } from "./count-store.js";
import { BUDGET_WINDOW_MS, type Standing, standingOf, WINDOWS, type Window } from "./domain/burn.js";
import { type Counts, quantile } from "./domain/counters.js";
import type { Objective } from "./domain/objectives.js";

export interface SloReport {
  readonly standings: readonly Standing[];
  /** Seconds within which 95 of 100 calls of the last five minutes were answered. Undefined without calls. */
  readonly p95: number | undefined;
  /** When the oldest bucket begins that counts. Undefined: nothing was counted. */
  readonly startMs: number | undefined;
}

/** The windows up to this one are read by the minute, longer ones by the hour. */
const BY_MINUTE_MS = WINDOWS["6h"];
const STEP_MS = { minute: 60_000, hour: 3_600_000 } as const;

/**
 * Reports how each objective is kept at `now`. A window holds the bucket of `now` and as many whole ones as it is long,
 * so it is up to one minute longer than its name, and above six hours up to one hour.
 */
export async function reportSlos(
  store: Pick<CountStore, "read">,
  objectives: readonly Objective[],
  now: Date,
): Promise<SloReport> {
  const nowMs = now.getTime();
  const [minutes, hours] = await Promise.all([
    store.read("minute", firstOf("minute", BY_MINUTE_MS, nowMs), now),
    store.read("hour", firstOf("hour", BUDGET_WINDOW_MS, nowMs), now),
  ]);
  const over = (windowMs: number): Counts => {
    const step: Step = windowMs <= BY_MINUTE_MS ? "minute" : "hour";
    const first = firstOf(step, windowMs, nowMs);
    return sumOf((step === "minute" ? minutes : hours).filter(({ startMs }) => startMs >= first));
  };
  const of = (window: Window) => over(WINDOWS[window]);
  const counts = {
    ...{ "5m": of("5m"), "30m": of("30m"), "1h": of("1h"), "6h": of("6h"), "3d": of("3d") },
    budget: over(BUDGET_WINDOW_MS),
  };
  return {
    standings: objectives.map((objective) => standingOf(objective, counts)),
    p95: quantile(counts["5m"], 0.95),
    startMs: hours[0]?.startMs,
  };
}

/** Start of the first bucket of a window. */
function firstOf(step: Step, windowMs: number, nowMs: number): number {
  const stepMs = STEP_MS[step];
  return Math.floor(nowMs / stepMs) * stepMs - windowMs;
}

function sumOf(buckets: readonly Bucket[]): Counts {
  const sums = new Map<string, number>();
  for (const { counts } of buckets)
    for (const [counter, count] of counts) sums.set(counter, (sums.get(counter) ?? 0) + count);
  return sums;
}
