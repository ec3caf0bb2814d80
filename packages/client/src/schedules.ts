import type { Client } from "@ccsp/grpc-kit";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { MissedRuns, Schedule } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Caller, CallSettings } from "./caller.js";
import { CcspError } from "./errors.js";
import { type TaskInput, toSpec } from "./task-input.js";

/** A task that is made again and again. */
export interface ScheduleInput {
  /** Unique for the agent. */
  readonly name: string;
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** IANA name such as `Asia/Tokyo`; UTC when absent. */
  readonly timeZone?: string;
  readonly task: TaskInput;
  /** What to do about times that passed while no queue ran: nothing, one task for all, or a task for each. `skip`. */
  readonly missedRuns?: "skip" | "run-once" | "run-all";
  /** It makes no tasks for now. */
  readonly paused?: boolean;
}

const MISSED = {
  skip: MissedRuns.SKIP,
  "run-once": MissedRuns.RUN_ONCE,
  "run-all": MissedRuns.RUN_ALL,
} as const;

/** The agent's recurring tasks. */
export interface Schedules {
  /** Stores it, or replaces the one of this name. */
  put(schedule: ScheduleInput, settings?: CallSettings): Promise<Schedule>;
  /** By name, with their next runs. */
  list(settings?: CallSettings): Promise<readonly Schedule[]>;
  /** Tasks that it made stay. */
  delete(name: string, settings?: CallSettings): Promise<void>;
}

export function createSchedules(agent: Client<AgentServiceService>, caller: Caller): Schedules {
  return {
    async put({ task, missedRuns = "skip", ...plain }, settings = {}) {
      const schedule = Schedule.fromPartial({ ...plain, spec: toSpec(task), missedRuns: MISSED[missedRuns] });
      const answer = await caller.unary(settings, (options) => agent.putSchedule({ schedule }, options));
      if (!answer.schedule) throw new CcspError("INTERNAL", "the gateway answered without a schedule");
      return answer.schedule;
    },

    async list(settings = {}) {
      return (await caller.unary(settings, (options) => agent.listSchedules({}, options))).schedules;
    },

    async delete(name, settings = {}) {
      await caller.unary(settings, (options) => agent.deleteSchedule({ name }, options));
    },
  };
}
