import { invalidFields, memoryFull, Refusal } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Room } from "../domain/intake/memory.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import { replaced } from "./plan.js";
import {
  MOST_SCHEDULE_BYTES,
  MOST_SCHEDULES,
  type Schedule,
  type ScheduleName,
  type ScheduleStore,
} from "./schedule.js";
import { readSchedule, toScheduleMessage } from "./schedule-message.js";

export type ScheduleHandlers = Pick<Handlers<QueueServiceService>, "putSchedule" | "listSchedules" | "deleteSchedule">;

/** The RPCs of QueueService for schedules. */
export function scheduleHandlers(
  store: ScheduleStore,
  limits: SpecLimits,
  { isFull }: Pick<Room, "isFull"> = { isFull: () => false },
): ScheduleHandlers {
  /**
   * Decides from the stored schedule, and stores the decision. Starts again when another caller or a run changed the
   * schedule meanwhile.
   */
  const change = async (
    which: ScheduleName,
    decide: (before: Schedule | undefined) => Promise<Schedule | undefined>,
  ): Promise<Schedule | undefined> => {
    for (;;) {
      const before = await store.find(which);
      const after = await decide(before);
      const outcome = await store.swap({ which, before, after, lookMs: after?.next[0], bounded: true });
      if (outcome === "full") throw tooMany(which.agent);
      if (outcome !== "changed") return after;
    }
  };

  return {
    async putSchedule(request) {
      const asked = readSchedule(request.schedule, limits);
      // Schedules are in the first shard. Redis itself would not refuse this: the scripts that store a schedule also
      // record runs and delete schedules, so they may run when memory is full.
      if (isFull(0)) throw memoryFull();
      const stored = await change(asked, async (before) => replaced(before, asked, await store.now()));
      return { schedule: stored && toScheduleMessage(stored) };
    },

    async listSchedules({ agentId }) {
      return { schedules: (await store.list(agentId)).map(toScheduleMessage) };
    },

    async deleteSchedule({ agentId: agent, name }) {
      await change({ agent, name }, async (before) => {
        if (before === undefined) throw new Refusal("SCHEDULE_NOT_FOUND", "the agent has no schedule of this name");
        return undefined;
      });
      return {};
    },
  };
}

function tooMany(agent: string): Refusal {
  const description = `is one too many, or too large: ${agent} may have ${MOST_SCHEDULES} of ${MOST_SCHEDULE_BYTES} bytes together; delete one`;
  return invalidFields([{ field: "schedule", description }]);
}
