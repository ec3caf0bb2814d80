import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { QuestionDeps } from "../application/questions.js";
import { conversationHandlers } from "../conversations/handlers.js";
import type { BulkStore } from "../domain/search/bulk.js";
import type { ScheduleHandlers } from "../schedules/handlers.js";
import { filterHandlers } from "./by-filter.js";
import { type ControlDeps, controlHandlers } from "./control.js";
import { type LeaseDeps, leaseHandlers } from "./leases.js";
import { questionHandlers } from "./questions.js";
import { type TaskDeps, taskHandlers } from "./tasks.js";

export type HandlerDeps = TaskDeps &
  LeaseDeps &
  ControlDeps &
  QuestionDeps & { readonly store: BulkStore; readonly schedules: ScheduleHandlers };

/**
 * All RPCs of QueueService. They only convert messages: the rules are in domain/, and application/ joins several rooms.
 */
export const queueHandlers = (deps: HandlerDeps): Handlers<QueueServiceService> => ({
  ...taskHandlers(deps),
  ...leaseHandlers(deps),
  ...controlHandlers(deps),
  ...questionHandlers(deps),
  ...filterHandlers(deps),
  ...conversationHandlers(deps.conversations),
  ...deps.schedules,
});
