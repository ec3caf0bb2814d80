import type { Schedule } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";

/** The last moment that a Date can hold, far beyond what a task may name. */
const BEYOND = new Date(8.64e15);

/**
 * The same spec with times that can be sent on. A Timestamp may name more seconds than a Date can hold: it came as no time at all then, which
 * fails when it is written. The queue refuses what stands for it, and that task only.
 */
export function sendable(spec: TaskSpec | undefined): TaskSpec | undefined {
  if (!isUnsendable(spec?.startTime) && !isUnsendable(spec?.startDeadline)) return spec;
  return spec && { ...spec, startTime: sendableTime(spec.startTime), startDeadline: sendableTime(spec.startDeadline) };
}

/** What an agent may say of a schedule; the rest is the queue's own to say. */
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
