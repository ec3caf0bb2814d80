import { invalidFields, memoryFull, Refusal } from "@ccsp/errors";
import type { Room } from "../domain/intake/memory.js";
import { replaced } from "./plan.js";
import {
  type AskedSchedule,
  MOST_SCHEDULE_BYTES,
  MOST_SCHEDULES,
  type Schedule,
  type ScheduleName,
  type ScheduleStore,
} from "./schedule.js";

export type Schedules = ReturnType<typeof createSchedules>;

/** What an agent may do with its schedules. Without `room`, there is always memory for more. */
export function createSchedules(store: ScheduleStore, { isFull }: Pick<Room, "isFull"> = { isFull: () => false }) {
  /**
   * Decides from the stored schedule, and stores the decision. Starts again when another caller or a run changed the
   * schedule meanwhile.
   */
  const change = async <After extends Schedule | undefined>(
    which: ScheduleName,
    decide: (before: Schedule | undefined) => Promise<After>,
  ): Promise<After> => {
    for (;;) {
      const before = await store.find(which);
      const after = await decide(before);
      const outcome = await store.swap({ which, before, after, checkMs: after?.next[0], bounded: true });
      if (outcome === "full") throw tooMany(which.agent);
      if (outcome !== "changed") return after;
    }
  };

  return {
    /** Answers the schedule as it is stored. Throws QUEUE_FULL, and INVALID_FIELD for one too many. */
    async put(asked: AskedSchedule): Promise<Schedule> {
      // Schedules are in the first shard. Redis itself would not refuse this: the scripts that store a schedule also
      // record runs and delete schedules, so they may run when memory is full.
      if (isFull(0)) throw memoryFull();
      return change(asked, async (before) => replaced(before, asked, await store.now()));
    },

    list: (agent: string): Promise<readonly Schedule[]> => store.list(agent),

    /** Throws SCHEDULE_NOT_FOUND. */
    async remove(which: ScheduleName): Promise<void> {
      await change(which, async (before) => {
        if (before === undefined) throw new Refusal("SCHEDULE_NOT_FOUND", "the agent has no schedule of this name");
        return undefined;
      });
    },
  };
}

function tooMany(agent: string): Refusal {
  const description = `is one too many, or too large: ${agent} may have ${MOST_SCHEDULES} of ${MOST_SCHEDULE_BYTES} bytes together; delete one`;
  return invalidFields([{ field: "schedule", description }]);
}
