import type { UsageHistories } from "../forecast/usage-history.js";
import { filterOf, type Windows } from "./windows.js";

const MINUTE_MS = 60_000;
const LOOKED_MINUTES = 15;

/** How close a usage window is, for the adaptation: see `Pressure` there. */
export interface WindowPressure {
  readonly subject: string;
  readonly scope: string;
  readonly usedShare: number;
  readonly predictedShare: number;
  readonly startsPerMinute: number;
}

/** The windows whose forecast is known. A closed window is left out: its gate is closed already. */
export const windowPressures = (windows: Pick<Windows, "report">, histories: Pick<UsageHistories, "sum">) => ({
  read: async (now: Date): Promise<readonly WindowPressure[]> => {
    const found: WindowPressure[] = [];
    for (const { window, share, hourShare } of await windows.report(now)) {
      if (share === undefined || hourShare === undefined) continue;
      const { engine, account, name } = window;
      // Usage counts in steps of five minutes.
      const end = Math.floor(now.getTime() / (5 * MINUTE_MS)) * 5 * MINUTE_MS;
      const { requests } = await histories.sum(filterOf(window), end - LOOKED_MINUTES * MINUTE_MS, end, now);
      found.push({
        subject: `account/${engine}/${account}`,
        scope: `the window ${name}`,
        usedShare: share,
        predictedShare: hourShare,
        startsPerMinute: requests / LOOKED_MINUTES,
      });
    }
    return found;
  },
});
