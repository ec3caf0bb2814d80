import { Refusal } from "@ccsp/errors";
import type { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import type { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";

/** The last moment that a Date can represent. It is far beyond the times that a task may have. */
const BEYOND = new Date(8.64e15);

/**
 * Returns the spec with times that can be sent on. A Timestamp may have more seconds than a Date can represent. It is
 * then decoded to an invalid Date, which cannot be encoded again. This function replaces it by `BEYOND`, which the
 * queue refuses, and only for that task.
 */
export function sendable(spec: TaskSpec | undefined): TaskSpec | undefined {
  if (!isUnsendable(spec?.startTime) && !isUnsendable(spec?.startDeadline)) return spec;
  return spec && { ...spec, startTime: sendableTime(spec.startTime), startDeadline: sendableTime(spec.startDeadline) };
}

/** Keeps the fields of a schedule that an agent may set. The queue sets the others. */
export const sendableSchedule = (schedule: Schedule): Schedule => ({
  ...schedule,
  spec: sendable(schedule.spec),
  createTime: undefined,
  lastTaskId: "",
  lastRunTime: undefined,
  nextRunTimes: [],
  lastFault: "",
});

/** Refuses times that cannot be sent on, by the names of their fields. */
export function checkTimes(times: Readonly<Record<string, Date | undefined>>): void {
  const wrong = Object.keys(times).filter((field) => isUnsendable(times[field]));
  if (wrong.length === 0) return;
  const fields = wrong.map((field) => ({ field, description: "is not a time" }));
  throw new Refusal("INVALID_FIELD", `${wrong.join(", ")}: is not a time`, { fields });
}

export const checkFilter = (filter: TaskFilter | undefined): void =>
  checkTimes({ "filter.created_after": filter?.createdAfter, "filter.created_before": filter?.createdBefore });

const isUnsendable = (time: Date | undefined): boolean => time !== undefined && Number.isNaN(time.getTime());
const sendableTime = (time: Date | undefined): Date | undefined => (isUnsendable(time) ? BEYOND : time);
