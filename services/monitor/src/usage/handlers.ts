import { isDeepStrictEqual } from "node:util";
import { type FieldViolation, invalidFields, Refusal } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import {
  type MonitorServiceService,
  RecordUsageRequest,
  type UsageRecord,
  UsageRecordState,
} from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { ExportDetail, ExportFormat, Outcome } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import { reportAgents } from "./domain/agent-stats.js";
import { exportAttempts } from "./domain/export-attempts.js";
import { exportUsage } from "./domain/export-usage.js";
import type { Gap } from "./domain/gap.js";
import { isTimeZone, TIME_ZONE_RULE } from "./domain/period.js";
import { type ClaimStore, type OutsideWork, type RecordOutcome, recordWork } from "./domain/record-usage.js";
import { NO_ROW } from "./domain/run.js";
import { reportTimeSeries } from "./domain/time-series.js";
import { reportUsage } from "./domain/usage-report.js";
import { DAY_MS, HOUR_MS, type UsageStore } from "./domain/usage-store.js";
import { classOf } from "./events/run-of-event.js";
import { filterOf, gapMessage, groupingOf, rowMessage, seriesMessage } from "./messages.js";

export interface UsageHandlerOptions {
  readonly store: UsageStore;
  readonly claims: ClaimStore;
  /** Returns the known gaps that overlap this time. */
  readonly gapsIn: (startMs: number, endMs: number) => Promise<readonly Gap[]>;
  readonly allowedLabels: readonly string[];
  /** For how many days each counted attempt is kept. 0: none is. */
  readonly ledgerDays: number;
  /** The time zone of requests that name none. */
  readonly timeZone: string;
}

export type UsageHandlers = Pick<
  Handlers<typeof MonitorServiceService>,
  "getUsage" | "getAgentStats" | "getTimeSeries" | "exportUsage" | "recordUsage"
>;

export function usageHandlers({
  store,
  claims,
  gapsIn,
  allowedLabels,
  ledgerDays,
  timeZone: usual,
}: UsageHandlerOptions): UsageHandlers {
  /** Throws a Refusal for a time zone that is not known. */
  const zoneOf = (asked: string): string => {
    if (asked !== "" && !isTimeZone(asked)) throw invalidFields([{ field: "time_zone", description: TIME_ZONE_RULE }]);
    return asked || usual;
  };

  return {
    getUsage: async ({ agentId, startTime, endTime, groupBy, filter, timeZone: asked }) => {
      const timeZone = zoneOf(asked);
      const grouping = groupingOf(groupBy, ["agent", "model"]);
      const query = { start: startTime, end: endTime, timeZone, groupBy: grouping };
      const { rows, start, end } = await reportUsage(
        store,
        { ...query, filter: filterOf(filter, agentId) },
        new Date(),
      );
      const gaps = await gapsIn(start.getTime(), end.getTime());
      return {
        rows: rows.map(({ row, counts }) => rowMessage(row, counts)),
        startTime: start,
        endTime: end,
        gaps: gaps.map(gapMessage),
        timeZone,
      };
    },

    getAgentStats: async ({ agentId, days }) => ({
      agents: (await reportAgents(store, { agent: agentId, days }, new Date())).map(
        ({ agent, counts, lastEndMs, activeDays }) => ({
          usage: rowMessage({ ...NO_ROW, agent }, counts),
          lastRunTime: new Date(lastEndMs),
          activeDays,
        }),
      ),
    }),

    getTimeSeries: async ({ startTime, endTime, step, groupBy, filter, maxSeries, timeZone: asked }) => {
      const timeZone = zoneOf(asked);
      const range = { start: startTime, end: endTime, timeZone };
      const query = { ...range, groupBy: groupingOf(groupBy, []), filter: filterOf(filter) };
      const stepMs = step && durationMs(step);
      const found = await reportTimeSeries(store, { ...query, stepMs, maxSeries }, new Date());
      const gaps = await gapsIn(found.start, found.end);
      return { ...seriesMessage(found), gaps: gaps.map(gapMessage), timeZone };
    },

    exportUsage: async function* ({ startTime, endTime, step, filter, format, detail, timeZone: asked }) {
      const timeZone = zoneOf(asked);
      const known = format === ExportFormat.UNSPECIFIED ? "csv" : wordOf(FORMATS, format);
      if (known === undefined) throw invalidFields([{ field: "format", description: "is not a known format" }]);
      const query = { start: startTime, end: endTime, timeZone, filter: filterOf(filter), format: known };
      const stepMs = step && durationMs(step);
      if (isByAttempt(detail, stepMs, ledgerDays)) {
        for await (const lines of exportAttempts(store, query, new Date())) yield { lines };
        return;
      }
      if (stepMs !== undefined && stepMs !== HOUR_MS && stepMs !== DAY_MS)
        throw invalidFields([{ field: "step", description: "must be one hour or one day" }]);
      for await (const lines of exportUsage(store, { ...query, stepMs: stepMs ?? HOUR_MS }, new Date()))
        yield { lines };
    },

    recordUsage: async ({ records, ...single }) => {
      const isList = records.length > 0;
      if (isList && !isEmpty(single))
        throw invalidFields([
          { field: "records", description: "cannot be used together with the fields of one record" },
        ]);
      const prefixOf = (at: number) => (isList ? `records[${at}].` : "");
      const works = (isList ? records : [single]).map((record, at) => workOf(record, prefixOf(at)));
      const outcomes = await recordWork({ store, claims }, works, { allowedLabels, prefixOf, now: new Date() });
      if (!isList && outcomes[0] === "conflict")
        throw new Refusal("REQUEST_ID_CONFLICT", "the agent used request_id before for another record");
      return { counted: outcomes.includes("counted"), states: isList ? outcomes.map((each) => STATES[each]) : [] };
    },
  };
}

/** Whether the rows of an export are attempts. Throws a Refusal when that is asked for and cannot be. */
function isByAttempt(detail: ExportDetail, stepMs: number | undefined, ledgerDays: number): boolean {
  if (detail === ExportDetail.UNSPECIFIED || detail === ExportDetail.SUMS) return false;
  const faults: FieldViolation[] = [];
  if (detail !== ExportDetail.ATTEMPTS) faults.push({ field: "detail", description: "is not a known detail" });
  else if (ledgerDays === 0)
    faults.push({ field: "detail", description: "this monitor keeps no attempts: CCSP_MONITOR_LEDGER_DAYS is 0" });
  if (stepMs !== undefined && stepMs !== 0) faults.push({ field: "step", description: "must be absent for attempts" });
  if (faults.length > 0) throw invalidFields(faults);
  return true;
}

/** Compares, and does not encode: a time that no Date can hold has no bytes. */
const isEmpty = (single: Omit<RecordUsageRequest, "records">): boolean =>
  isDeepStrictEqual({ ...single, records: [] }, RecordUsageRequest.fromPartial({}));

/** `prefix` is put before the names of wrong fields. */
function workOf(record: UsageRecord, prefix: string): OutsideWork {
  const { requestId, agentId, engine, account, model, labels, endTime, usage, costUsd, runTime } = record;
  const outcome = record.outcome === Outcome.UNSPECIFIED ? "succeeded" : wordOf(OUTCOMES, record.outcome);
  if (outcome === undefined)
    throw invalidFields([{ field: `${prefix}outcome`, description: "is not a known outcome" }]);
  if (Priority[record.priority] === undefined || record.priority === Priority.UNRECOGNIZED)
    throw invalidFields([{ field: `${prefix}priority`, description: "is not a known class" }]);
  return {
    requestId,
    agent: agentId,
    engine,
    account,
    model,
    priority: classOf(record.priority),
    labels,
    endTime,
    outcome,
    tokens: usage && {
      input: Number(usage.inputTokens),
      output: Number(usage.outputTokens),
      cacheRead: Number(usage.cacheReadTokens),
      cacheCreation: Number(usage.cacheCreationTokens),
    },
    costUsd,
    runMs: runTime && durationMs(runTime),
  };
}

const STATES: Readonly<Record<RecordOutcome, UsageRecordState>> = {
  counted: UsageRecordState.COUNTED,
  repeat: UsageRecordState.REPEATED,
  conflict: UsageRecordState.CONFLICTING,
};

const FORMATS = wordsOf(ExportFormat);
const OUTCOMES = wordsOf(Outcome);
