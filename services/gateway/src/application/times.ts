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

const isUnsendable = (time: Date | undefined): boolean => time !== undefined && Number.isNaN(time.getTime());
const sendableTime = (time: Date | undefined): Date | undefined => (isUnsendable(time) ? BEYOND : time);
