import { milliseconds } from "../format.js";
import type { Answer } from "../routes.js";

type Row = Answer<"GET /usage">["rows"][number];

/** What was used in a step of time. */
interface Point {
  readonly time?: string | undefined;
  readonly usage?: Amounts | undefined;
}

/** The numbers of a row that pages show. */
export type Amounts = Pick<Row, "runs" | "failedRuns" | "runsWithoutCost" | "costUsd" | "usage" | "runTime">;

export interface Day {
  /** Its start in the time zone of the browser, in milliseconds since the epoch. */
  readonly startMs: number;
  readonly amounts: Amounts;
}

/** Sums hours to the days of the browser's time zone, the newest first. A day without a run is left out. */
export function daysOf(hours: readonly Point[]): readonly Day[] {
  const days = new Map<number, Amounts>();
  for (const { time, usage } of hours) {
    if (time === undefined || usage === undefined) continue;
    const startMs = new Date(time).setHours(0, 0, 0, 0);
    const before = days.get(startMs);
    days.set(startMs, before ? sum(before, usage) : usage);
  }
  return [...days]
    .map(([startMs, amounts]) => ({ startMs, amounts }))
    .toSorted((one, other) => other.startMs - one.startMs);
}

function sum(one: Amounts, other: Amounts): Amounts {
  const tokens = (name: "inputTokens" | "outputTokens" | "cacheReadTokens" | "cacheCreationTokens") =>
    (one.usage?.[name] ?? 0) + (other.usage?.[name] ?? 0);
  const runTimeMs = milliseconds(one.runTime ?? "0s") + milliseconds(other.runTime ?? "0s");
  return {
    runs: one.runs + other.runs,
    failedRuns: one.failedRuns + other.failedRuns,
    runsWithoutCost: one.runsWithoutCost + other.runsWithoutCost,
    costUsd: one.costUsd + other.costUsd,
    runTime: `${runTimeMs / 1000}s`,
    usage: {
      inputTokens: tokens("inputTokens"),
      outputTokens: tokens("outputTokens"),
      cacheReadTokens: tokens("cacheReadTokens"),
      cacheCreationTokens: tokens("cacheCreationTokens"),
    },
  };
}
