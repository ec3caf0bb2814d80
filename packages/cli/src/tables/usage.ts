import type { GetTimeSeriesResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { GapState, type UsageGap, type UsageRow } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { sparkline } from "../output/sparkline.js";
import type { Column } from "../output/table.js";
import { durationWords, grouped, zonedTime } from "../output/words.js";
import { costWords } from "./status.js";

/** What `--by` can name, with the field of a row that holds it. */
export const BY = {
  agent: { header: "AGENT", value: ({ agentId }: UsageRow) => agentId },
  engine: { header: "ENGINE", value: ({ engine }: UsageRow) => engine },
  account: { header: "ACCOUNT", value: ({ account }: UsageRow) => account },
  model: { header: "MODEL", value: ({ model }: UsageRow) => model },
  class: { header: "CLASS", value: ({ priority }: UsageRow) => priority },
  label: { header: "LABEL", value: ({ label }: UsageRow) => label },
} as const;
export type By = keyof typeof BY;

/** A row of the table. `line` is its sparkline, or "" without one. */
export interface UsageLine {
  readonly row: UsageRow;
  readonly line: string;
}

/**
 * The columns for a grouping. At 80 columns there is room for two names that people can tell apart, runs, tokens and
 * cost.
 */
export function usageColumns(by: readonly By[], per: string): readonly Column<UsageLine>[] {
  const named = by.map((each): Column<UsageLine> => {
    const { header, value } = BY[each];
    return { header, value: ({ row }) => value(row) || "-", min: 8, wanted: 14 };
  });
  const number = (header: string, value: (row: UsageRow) => bigint, drop: number): Column<UsageLine> => ({
    header,
    value: ({ row }) => grouped(value(row)),
    align: "right",
    drop,
  });
  return [
    ...named,
    { header: "RUNS", value: ({ row }) => grouped(row.runs), align: "right" },
    number("FAILED", ({ failedRuns }) => failedRuns, 1),
    number("IN", ({ usage }) => usage?.inputTokens ?? 0n, 2),
    number("OUT", ({ usage }) => usage?.outputTokens ?? 0n, 2),
    { ...number("CACHED", ({ usage }) => usage?.cacheReadTokens ?? 0n, 6), only: "wide" },
    { header: "COST", value: ({ row }) => costWords(row), min: 10 },
    { header: "RUN TIME", value: ({ row }) => meanOf(row.runTime, row.timedRuns), align: "right", drop: 4 },
    { header: "WAIT", value: ({ row }) => meanOf(row.queueWait, row.waitedRuns), align: "right", drop: 3 },
    { header: `RUNS PER ${per.toUpperCase()}`, value: ({ line }) => line, drop: 5 },
  ];
}

function meanOf(total: UsageRow["runTime"], runs: bigint): string {
  return runs === 0n || total === undefined ? "unknown" : durationWords(durationMs(total) / Number(runs));
}

/** The sparkline of each combination of the grouping, by the text of its dimensions. */
export function sparklinesOf({ series, startTime, step, steps }: GetTimeSeriesResponse): Map<string, string> {
  const [start, stepMs] = [startTime?.getTime() ?? 0, step ? durationMs(step) : 1];
  return new Map(
    series.map(({ sum, points }) => {
      const runs = Array.from({ length: steps }, () => 0);
      for (const { time, usage } of points)
        runs[Math.round(((time?.getTime() ?? 0) - start) / stepMs)] = Number(usage?.runs ?? 0n);
      return [sum ? nameOf(sum) : "", sparkline(runs)];
    }),
  );
}

/** The dimensions of a row as one text. */
export const nameOf = (row: UsageRow): string => JSON.stringify(Object.values(BY).map(({ value }) => value(row)));

/** What people must know of a gap in the events. */
export function gapWords({ startTime, endTime, state, filledRuns }: UsageGap): string {
  const between = `between ${zonedTime(startTime)} and ${zonedTime(endTime)}`;
  if (state === GapState.FILLED)
    return `events were lost ${between}: ${grouped(filledRuns)} runs were counted from the queue's records, without the cost of failed ones`;
  if (state === GapState.INCOMPLETE)
    return `events were lost ${between}, and the queue's records do not reach back that far: usage is missing`;
  return `events were lost ${between}: the monitor has not read the queue's records yet`;
}
