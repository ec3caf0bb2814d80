import { type Schedule as Message, MissedRuns } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import type { CallSettings } from "./caller.js";
import { MISSED, type ScheduleCalls, type ScheduleInput } from "./schedule-calls.js";
import { type TaskSpec, toTaskSpec } from "./task-spec.js";
import { wordOf } from "./words.js";

/** A recurring task as CCSP stores it. */
export interface Schedule {
  /** Id of the agent that owns the schedule. */
  readonly agentId: string;
  /** Unique for the agent. */
  readonly name: string;
  /** Cron expression with five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** IANA name. "" means UTC. */
  readonly timeZone: string;
  /** The task to run each time. Undefined: the queue cannot read the stored task, so store the schedule again. */
  readonly spec: TaskSpec | undefined;
  /** How to handle times that passed while no queue was running. */
  readonly missedRuns: NonNullable<ScheduleInput["missedRuns"]> | "unknown";
  /** The schedule makes no tasks for now. */
  readonly paused: boolean;
  /** When the schedule was stored. */
  readonly createTime: Date | undefined;
  /** Id of the newest task that the schedule made. "": it has made none. */
  readonly lastTaskId: string;
  /** Time of the newest run. Undefined: there was none. */
  readonly lastRunTime: Date | undefined;
  /** The next run times, at most 5. */
  readonly nextRunTimes: readonly Date[];
  /** Why the newest run made no task. "" when it made one. */
  readonly lastFault: string;
}

/** The recurring tasks of the agent. */
export interface Schedules {
  /** Stores the schedule, or replaces the schedule of the same name. */
  put(schedule: ScheduleInput, settings?: CallSettings): Promise<Schedule>;
  /** The schedules, sorted by name, each with its next run times. */
  list(settings?: CallSettings): Promise<readonly Schedule[]>;
  /** Deletes the schedule. Tasks that it made stay. */
  delete(name: string, settings?: CallSettings): Promise<void>;
}

export const createSchedules = (calls: ScheduleCalls): Schedules => ({
  ...calls,
  put: async (schedule, settings) => toSchedule(await calls.put(schedule, settings)),
  list: async (settings) => (await calls.list(settings)).map(toSchedule),
});

export const toSchedule = ({ spec, missedRuns, ...plain }: Message): Schedule => ({
  ...plain,
  spec: spec && toTaskSpec(spec),
  missedRuns: missedRuns === MissedRuns.UNSPECIFIED ? "skip" : wordOf(MISSED, missedRuns),
});
