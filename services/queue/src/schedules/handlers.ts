import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import { readSchedule, toScheduleMessage } from "./schedule-message.js";
import type { Schedules } from "./schedules.js";

type Methods = Pick<Handlers<QueueServiceService>, "putSchedule" | "listSchedules" | "deleteSchedule">;

/** The RPCs of QueueService for schedules. */
export const scheduleHandlers = (schedules: Schedules, limits: SpecLimits): Methods => ({
  async putSchedule(request) {
    return { schedule: toScheduleMessage(await schedules.put(readSchedule(request.schedule, limits))) };
  },

  async listSchedules({ agentId }) {
    return { schedules: (await schedules.list(agentId)).map(toScheduleMessage) };
  },

  async deleteSchedule({ agentId: agent, name }) {
    await schedules.remove({ agent, name });
    return {};
  },
});
