import { type FieldViolation, invalidFields } from "@ccsp/errors";
import type { GetTimeSeriesResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import {
  Dimension as DimensionMessage,
  type UsageFilter as FilterMessage,
  GapState,
  type UsageGap,
  type UsageRow,
} from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { Counts } from "./domain/counts.js";
import type { Gap } from "./domain/gap.js";
import { DIMENSIONS, type Dimension, NO_ROW, type Row } from "./domain/run.js";
import type { TimeSeries } from "./domain/time-series.js";
import type { UsageFilter } from "./domain/usage-report.js";

const DIMENSION = wordsOf(DimensionMessage);

/** Returns the dimensions of a request. Throws a Refusal for an unknown one and for one that is there twice. */
export function groupingOf(
  messages: readonly DimensionMessage[],
  fallback: readonly Dimension[],
): readonly Dimension[] {
  const most = DIMENSIONS.length;
  if (messages.length > most)
    throw invalidFields([{ field: "group_by", description: `has ${messages.length} dimensions, at most ${most}` }]);
  const faults: FieldViolation[] = [];
  const dimensions = messages.flatMap((message, at) => {
    const dimension = wordOf(DIMENSION, message);
    if (dimension === undefined) faults.push({ field: `group_by[${at}]`, description: "is not a known dimension" });
    else if (messages.indexOf(message) !== at) faults.push({ field: `group_by[${at}]`, description: "is there twice" });
    return dimension ?? [];
  });
  if (faults.length > 0) throw invalidFields(faults);
  return dimensions.length === 0 ? fallback : dimensions;
}

const MOST_CHARACTERS = 256;

/** Returns the filter of a request. `agentId` is a field beside it that means the same. */
export function filterOf(message: FilterMessage | undefined, agentId = ""): UsageFilter {
  const { engine = "", account = "", model = "", priority = "", label = "" } = message ?? {};
  const inFilter = message?.agentId ?? "";
  if (agentId !== "" && inFilter !== "" && agentId !== inFilter)
    throw invalidFields([{ field: "filter.agent_id", description: "differs from agent_id" }]);
  const all = { agent: agentId || inFilter, engine, account, model, priority, label };
  // Forecasts are kept by their filter, so a long text must not come that far. No counted value is longer than a label.
  const faults = Object.entries(all).flatMap(([name, value]) =>
    value.length <= MOST_CHARACTERS
      ? []
      : [
          {
            field: `filter.${name === "agent" ? "agent_id" : name}`,
            description: `must have at most ${MOST_CHARACTERS} characters`,
          },
        ],
  );
  if (faults.length > 0) throw invalidFields(faults);
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}

export function rowMessage(row: Row, counts: Readonly<Counts>): UsageRow {
  return {
    agentId: row.agent,
    engine: row.engine,
    account: row.account,
    model: row.model,
    priority: row.priority,
    label: row.label,
    runs: BigInt(counts.runs),
    succeededRuns: BigInt(Math.max(0, counts.runs - counts.failed - counts.cancelled)),
    failedRuns: BigInt(counts.failed),
    cancelledRuns: BigInt(counts.cancelled),
    usage: {
      inputTokens: BigInt(counts.input),
      outputTokens: BigInt(counts.output),
      cacheReadTokens: BigInt(counts.cacheRead),
      cacheCreationTokens: BigInt(counts.cacheCreation),
    },
    runsWithoutUsage: BigInt(counts.withoutUsage),
    costUsd: counts.costMicroUsd / 1e6,
    runsWithoutCost: BigInt(counts.withoutCost),
    runTime: toDuration(counts.runMs),
    timedRuns: BigInt(counts.timed),
    queueWait: toDuration(counts.waitMs),
    waitedRuns: BigInt(counts.waited),
  };
}

const GAP_STATE: Readonly<Record<Gap["state"], GapState>> = {
  growing: GapState.OPEN,
  filled: GapState.FILLED,
  incomplete: GapState.INCOMPLETE,
};

export const gapMessage = ({ start, end, state, filledRuns }: Gap): UsageGap => ({
  startTime: new Date(start),
  endTime: new Date(end),
  state: GAP_STATE[state],
  filledRuns: BigInt(filledRuns),
});

export function seriesMessage({
  series,
  start,
  stepMs,
  steps,
}: TimeSeries): Omit<GetTimeSeriesResponse, "gaps" | "timeZone"> {
  return {
    startTime: new Date(start),
    step: toDuration(stepMs),
    steps,
    series: series.map(({ row, sum, points }) => ({
      sum: rowMessage(row, sum),
      points: [...points]
        .sort(([a], [b]) => a - b)
        .map(([time, counts]) => ({ time: new Date(time), usage: rowMessage(NO_ROW, counts) })),
    })),
  };
}
