import type { Client } from "@ccsp/grpc-kit/client.js";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { MissedRuns, Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { Caller, CallSettings } from "./caller.js";
import { createDoubt } from "./doubt.js";
import { answered, NotFoundError } from "./errors.js";
import { checkSchedule } from "./settings.js";
import { type TaskInput, toSpec } from "./task-input.js";

/** A recurring task. */
export interface ScheduleInput {
  /** Unique for the agent. */
  readonly name: string;
  /** Cron expression with five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string;
  /** IANA name, such as `Asia/Tokyo`. Absent means UTC. */
  readonly timeZone?: string;
  readonly task: TaskInput;
  /**
   * How to handle times that passed while no queue was running: make no task, one task for all of them, or one task for
   * each. Default: `skip`.
   */
  readonly missedRuns?: "skip" | "run-once" | "run-all";
  /** The schedule makes no tasks for now. */
  readonly paused?: boolean;
}

/** What `missedRuns` may say. */
export const MISSED = wordsOf(MissedRuns);

/** The calls about schedules, in messages of the protocol. `Schedules` says what each does. */
export type ScheduleCalls = ReturnType<typeof createScheduleCalls>;

export function createScheduleCalls(agent: Client<AgentServiceService>, caller: Caller) {
  const check = checkSchedule(MISSED);
  return {
    async put(input: ScheduleInput, settings: CallSettings = {}): Promise<Schedule> {
      check(input);
      const { task, missedRuns = "skip", ...plain } = input;
      const schedule = Schedule.fromPartial({ ...plain, spec: toSpec(task), missedRuns: MISSED[missedRuns] });
      const answer = await caller.unary(settings, (options) => agent.putSchedule({ schedule }, options), createDoubt());
      return answered(answer.schedule, "a schedule");
    },

    async list(settings: CallSettings = {}): Promise<readonly Schedule[]> {
      return (await caller.unary(settings, (options) => agent.listSchedules({}, options))).schedules;
    },

    async delete(name: string, settings: CallSettings = {}): Promise<void> {
      const doubt = createDoubt();
      try {
        await caller.unary(settings, (options) => agent.deleteSchedule({ name }, options), doubt);
      } catch (error) {
        // An earlier try deleted it, and its answer was lost.
        if (!(doubt.lost && error instanceof NotFoundError)) throw error;
      }
    },
  };
}
