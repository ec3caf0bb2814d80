import type { BudgetStanding, UsageWindow } from "../routes.js";

/** A usage window or a budget, as far as the overview compares them. */
export interface LimitOutlook {
  readonly kind: "window" | "budget";
  /** The login of a window, or the name of a budget. */
  readonly name: string;
  /** Name of the window. Empty for a budget. */
  readonly window: string;
  /** Used share. Undefined: not known. */
  readonly used: number | undefined;
  /** Share that will be used at its end, at most 1, if usage goes on as since its start. Undefined: not known. */
  readonly expected: number | undefined;
  /** The forecast says that it is not used up before its end. */
  readonly lasts: boolean;
  readonly startTime: string | undefined;
  readonly endTime: string | undefined;
  readonly state: "used-up" | "near" | "far" | "unknown";
  /** When it is predicted to be used up, before its end. */
  readonly exhaustTime: string | undefined;
  readonly earliestExhaustTime: string | undefined;
}

/** From this share on a limit is near, whatever the forecast says. */
const NEAR_SHARE = 0.9;

export function windowOutlook(window: UsageWindow, now: number): LimitOutlook {
  const { account, engine, name, usedShare, startTime, resetTime, exhaustion } = window;
  const times = { startTime, endTime: resetTime };
  const usedUp = exhaustion === "USED_UP" || window.state === "CLOSED";
  return {
    kind: "window",
    name: account || engine,
    window: name,
    used: usedUp ? 1 : usedShare,
    ...times,
    state: usedUp ? "used-up" : stateOf(usedShare, exhaustion === "RUNS_OUT"),
    lasts: exhaustion === "LASTS",
    expected: expectedShare(usedShare, times, exhaustion, now),
    exhaustTime: window.exhaustTime,
    earliestExhaustTime: window.earliestExhaustTime,
  };
}

export function budgetOutlook(standing: BudgetStanding, now: number): LimitOutlook {
  const { budget, share, periodStartTime, periodEndTime, exhaustTime } = standing;
  const times = { startTime: periodStartTime, endTime: periodEndTime };
  const runsOut = exhaustTime !== undefined;
  return {
    kind: "budget",
    name: budget?.name ?? "",
    window: "",
    used: share,
    ...times,
    state: share >= 1 ? "used-up" : stateOf(share, runsOut),
    lasts: !runsOut,
    expected: expectedShare(share, times, runsOut ? "RUNS_OUT" : "LASTS", now),
    exhaustTime,
    earliestExhaustTime: undefined,
  };
}

function stateOf(used: number | undefined, runsOut: boolean): LimitOutlook["state"] {
  if (runsOut) return "near";
  if (used === undefined) return "unknown";
  return used >= NEAR_SHARE ? "near" : "far";
}

interface Times {
  readonly startTime: string | undefined;
  readonly endTime: string | undefined;
}

/** Too short a start says nothing about the pace. */
const LEAST_ELAPSED_SHARE = 0.05;

function expectedShare(used: number | undefined, times: Times, forecast: string, now: number): number | undefined {
  if (forecast === "RUNS_OUT") return 1;
  const elapsed = elapsedShare(times, now);
  if (used === undefined || elapsed === undefined || elapsed < LEAST_ELAPSED_SHARE) return undefined;
  const expected = used / elapsed;
  // The forecast knows more than the mean pace. Where they contradict each other, it is right.
  if (expected >= 1) return forecast === "LASTS" ? undefined : 1;
  return expected;
}

/** How much of the time between start and end has passed at a time. */
export function elapsedShare({ startTime, endTime }: Times, at: number): number | undefined {
  if (startTime === undefined || endTime === undefined) return undefined;
  const start = Date.parse(startTime);
  return Math.min(Math.max((at - start) / (Date.parse(endTime) - start), 0), 1);
}
