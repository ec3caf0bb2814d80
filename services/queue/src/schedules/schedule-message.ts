import { Refusal } from "@ccsp/errors";
import { MOST_OUTPUT_BYTES } from "@ccsp/protos/bounds.js";
import { MissedRuns, type Schedule as ScheduleMessage } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { Faults } from "../domain/fields/faults.js";
import { isExecutorId } from "../domain/fields/ids.js";
import { acceptSpec, type SpecLimits } from "../domain/intake/validate.js";
import { cronFault, isTimeZone } from "./cron.js";
import type { AskedSchedule, MissedRuns as Missed, Schedule } from "./schedule.js";

const MISSED: readonly { readonly word: Missed; readonly value: MissedRuns }[] = [
  { word: "skip", value: MissedRuns.SKIP },
  { word: "once", value: MissedRuns.RUN_ONCE },
  { word: "all", value: MissedRuns.RUN_ALL },
];

/** Throws an INVALID_FIELD that names every wrong field, or ENGINE_UNKNOWN when that is the only fault. */
export function readSchedule(schedule: ScheduleMessage | undefined, limits: SpecLimits): AskedSchedule {
  const faults = new Faults();
  if (schedule === undefined) {
    faults.add("schedule", "is missing");
    throw faults.refusal();
  }
  const { agentId: agent, name, cron, spec, missedRuns, paused } = schedule;
  const timeZone = schedule.timeZone || "UTC";
  const missed =
    missedRuns === MissedRuns.UNSPECIFIED ? "skip" : MISSED.find(({ value }) => value === missedRuns)?.word;
  // The same rule as for an executor's id: characters that may be part of a key.
  faults.unless(isExecutorId(name), "schedule.name", "must be 1 to 128 of A-Z a-z 0-9 . _ -");
  const wrong = cronFault(cron);
  faults.unless(wrong === undefined, "schedule.cron", wrong ?? "");
  faults.unless(isTimeZone(timeZone), "schedule.time_zone", "is not an IANA time zone that this host knows");
  faults.unless(missed !== undefined, "schedule.missed_runs", "is not a known value");
  faults.unless(spec?.startTime === undefined, "schedule.spec.start_time", "must not be set: the schedule sets it");
  faults.unless(
    spec?.startDeadline === undefined,
    "schedule.spec.start_deadline",
    "would be in the past for all later runs",
  );
  try {
    acceptSpec({ agentId: agent, requestId: "", spec }, limits);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { fields, reason, message, metadata } = error;
    const inSchedule = fields.map(({ field, description }) => ({ field: `schedule.${field}`, description }));
    if (reason !== "INVALID_FIELD" && !faults.found) {
      throw new Refusal(reason, message, { fields: inSchedule, metadata, cause: error });
    }
    for (const { field, description } of inSchedule) faults.add(field, description);
  }
  faults.check();
  return {
    agent,
    name,
    cron,
    timeZone,
    paused,
    missed: missed ?? "skip",
    spec: spec === undefined ? "" : Buffer.from(TaskSpec.encode(spec).finish()).toString("base64"),
  };
}

export function toScheduleMessage(schedule: Schedule): ScheduleMessage {
  const { agent, name, cron, timeZone, missed, paused, created, lastTask, lastRun, next, fault } = schedule;
  return {
    agentId: agent,
    name,
    cron,
    timeZone,
    paused,
    spec: readableSpecOf(schedule),
    missedRuns: MISSED.find(({ word }) => word === missed)?.value ?? MissedRuns.SKIP,
    createTime: new Date(created),
    lastTaskId: lastTask ?? "",
    lastRunTime: lastRun === undefined ? undefined : new Date(lastRun),
    nextRunTimes: next.map((time) => new Date(time)),
    lastFault: fault ?? "",
  };
}

function specOf(schedule: Schedule): TaskSpec {
  const spec = TaskSpec.decode(Buffer.from(schedule.spec, "base64"));
  const { wallTime } = spec.limits ?? {};
  // Release 0.2.0 stored a wall time of 0, which means the default. A new task with it would be refused.
  if (spec.limits && wallTime && durationMs(wallTime) === 0) spec.limits.wallTime = undefined;
  const { outputBytes } = spec.limits ?? {};
  // Up to release 0.3, a task could ask for 64 MiB. No executor gave that much.
  if (spec.limits && outputBytes !== undefined && outputBytes > MOST_OUTPUT_BYTES) spec.limits.outputBytes = undefined;
  return spec;
}

/** Undefined when the stored spec cannot be decoded. */
export function readableSpecOf(schedule: Schedule): TaskSpec | undefined {
  try {
    return specOf(schedule);
  } catch {
    return undefined;
  }
}
