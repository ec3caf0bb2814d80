import type { WindowReport } from "./window-report.js";

const HOUR_MS = 3_600_000;
const SHARES = [0.95, 0.8] as const;
/** Stands for the prediction that the window runs out within the hour. */
const RUNS_OUT = 1;

/** What to report of a window: the share that it passed, or RUNS_OUT. */
export interface Notice {
  readonly threshold: number;
  /** What is reported of this period after that. */
  readonly told: readonly number[];
}

/**
 * Returns what to report of a window now. Of two shares that are passed at once, only the higher one is reported. The
 * prediction that it runs out within the hour is reported too, unless the highest share has passed.
 */
export function noticeOf({ window: { told }, share = 0, exhaustion }: WindowReport, nowMs: number): Notice | undefined {
  const passed = SHARES.filter((each) => share >= each);
  const [highest] = passed;
  if (highest !== undefined && !told.includes(highest))
    return {
      threshold: highest,
      told: [...new Set([...told, ...passed, ...(highest === SHARES[0] ? [RUNS_OUT] : [])])],
    };
  const soon = exhaustion.state === "runs-out" && exhaustion.expected <= nowMs + HOUR_MS;
  return soon && !told.includes(RUNS_OUT) ? { threshold: RUNS_OUT, told: [...told, RUNS_OUT] } : undefined;
}
