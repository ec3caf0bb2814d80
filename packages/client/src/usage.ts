import type { GetMyUsageRequest, GetMyUsageResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import {
  Dimension,
  type UsageGap as GapMessage,
  GapState,
  type UsageRow as RowMessage,
} from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { CallSettings } from "./caller.js";
import { answered } from "./errors.js";
import { date, type Fields, listOf, oneOf } from "./fields.js";
import { wordOf } from "./words.js";

/** What usage is grouped by. `account` is the login of the engine, `label` the labels that the operator lets count. */
export type UsageDimension = "agent" | "engine" | "account" | "model" | "priority" | "label";

/** Selects the usage of a report. */
export interface UsageQuery {
  /** Start of the range, rounded down to the hour. Default: 24 hours before the end. */
  readonly startTime?: Date | undefined;
  /** End of the range, rounded up to the hour. Default: now. The range is at most two years long. */
  readonly endTime?: Date | undefined;
  /** Default: `["model"]`. */
  readonly groupBy?: readonly UsageDimension[] | undefined;
}

export interface UsageSettings extends CallSettings, UsageQuery {}

/** What the agent's tasks used. */
export interface UsageReport {
  /** One row for each combination of the grouping, sorted by its dimensions. */
  readonly rows: readonly UsageRow[];
  /** Start of the range that the rows cover. */
  readonly startTime: Date;
  /** End of the range that the rows cover. */
  readonly endTime: Date;
  /** Times within the range in which CCSP lost its record of usage. */
  readonly gaps: readonly UsageGap[];
}

/**
 * Usage of one combination of the grouping. A dimension by which the report is not grouped is "". A run is an attempt
 * that ended.
 */
export interface UsageRow {
  readonly agentId: string;
  readonly engine: string;
  /** The login of the engine. */
  readonly account: string;
  /** "" when the engine did not name it. */
  readonly model: string;
  /** `urgent`, `high`, `normal` or `low`. */
  readonly priority: string;
  /** The labels that count, as `key=value` with commas. `other`: the tasks have only other labels. */
  readonly label: string;
  readonly runs: number;
  readonly succeededRuns: number;
  readonly failedRuns: number;
  readonly cancelledRuns: number;
  /** Tokens of the runs whose tokens are known. Prompt tokens that were read from a cache are not among them. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheCreationTokens: number;
  /** Number of runs whose tokens are not known. */
  readonly runsWithoutUsage: number;
  /** In US dollars, of the runs whose cost is known. */
  readonly costUsd: number;
  /** Number of runs whose cost is not known. */
  readonly runsWithoutCost: number;
  /** Time that engines ran, over `timedRuns`. */
  readonly runTimeMs: number;
  /** Number of runs whose run time is known. */
  readonly timedRuns: number;
  /** Time from acceptance to the start of the run, over `waitedRuns`. */
  readonly queueWaitMs: number;
  /** Number of runs whose wait is known. */
  readonly waitedRuns: number;
}

/** A time in which CCSP lost its record of usage. */
export interface UsageGap {
  readonly startTime: Date;
  readonly endTime: Date;
  /**
   * `filled`: the runs were counted from other records. `incomplete`: usage is missing. `open`: it is not known yet
   * which of the two.
   */
  readonly state: "open" | "filled" | "incomplete" | "unknown";
  /** Number of runs that were counted from other records. Cost and tokens of those that failed are not known. */
  readonly filledRuns: number;
}

const DIMENSIONS: Readonly<Record<UsageDimension, Dimension>> = wordsOf(Dimension);
const GAP_STATES = wordsOf(GapState);

export const USAGE_QUERY: Fields<UsageQuery, GetMyUsageRequest> = {
  startTime: date,
  endTime: date,
  groupBy: listOf<UsageDimension, Dimension>(oneOf(DIMENSIONS)),
};

export function toUsageReport({ rows, startTime, endTime, gaps }: GetMyUsageResponse): UsageReport {
  return {
    rows: rows.map(toRow),
    startTime: answered(startTime, "the start of the range"),
    endTime: answered(endTime, "the end of the range"),
    gaps: gaps.map(toGap),
  };
}

function toRow(row: RowMessage): UsageRow {
  const { agentId, engine, account, model, priority, label, costUsd, usage } = row;
  return {
    ...{ agentId, engine, account, model, priority, label },
    runs: Number(row.runs),
    succeededRuns: Number(row.succeededRuns),
    failedRuns: Number(row.failedRuns),
    cancelledRuns: Number(row.cancelledRuns),
    inputTokens: Number(usage?.inputTokens ?? 0n),
    outputTokens: Number(usage?.outputTokens ?? 0n),
    cacheReadTokens: Number(usage?.cacheReadTokens ?? 0n),
    cacheCreationTokens: Number(usage?.cacheCreationTokens ?? 0n),
    runsWithoutUsage: Number(row.runsWithoutUsage),
    costUsd,
    runsWithoutCost: Number(row.runsWithoutCost),
    runTimeMs: durationMs(row.runTime),
    timedRuns: Number(row.timedRuns),
    queueWaitMs: durationMs(row.queueWait),
    waitedRuns: Number(row.waitedRuns),
  };
}

const toGap = ({ startTime, endTime, state, filledRuns }: GapMessage): UsageGap => ({
  startTime: answered(startTime, "the start of a gap"),
  endTime: answered(endTime, "the end of a gap"),
  state: wordOf(GAP_STATES, state),
  filledRuns: Number(filledRuns),
});
