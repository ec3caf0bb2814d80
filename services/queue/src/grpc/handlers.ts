import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { ByFilter } from "../application/by-filter.js";
import type { ListWaiting } from "../application/list-waiting.js";
import type { Questions } from "../application/questions.js";
import { conversationHandlers } from "../conversations/handlers.js";
import { limitHandlers } from "../limits/handlers.js";
import type { Limits } from "../limits/limits.js";
import { scheduleHandlers } from "../schedules/handlers.js";
import type { Schedules } from "../schedules/schedules.js";
import { filterHandlers } from "./by-filter.js";
import { type ControlDeps, controlHandlers } from "./control.js";
import { type LeaseDeps, leaseHandlers } from "./leases.js";
import { questionHandlers, waitingHandlers } from "./questions.js";
import { type TaskDeps, taskHandlers } from "./tasks.js";

export interface HandlerDeps extends TaskDeps, LeaseDeps, ControlDeps {
  readonly store: TaskDeps["store"] & ControlDeps["store"];
  readonly questions: Questions;
  readonly listWaiting: ListWaiting;
  readonly byFilter: ByFilter;
  readonly schedules: Schedules;
  readonly setLimits: Limits;
}

/**
 * All RPCs of QueueService. They only convert messages: the rules are in domain/, and application/ joins several rooms.
 */
export const queueHandlers = (deps: HandlerDeps): Handlers<QueueServiceService> => ({
  ...taskHandlers(deps),
  ...leaseHandlers(deps),
  ...controlHandlers(deps),
  ...questionHandlers(deps.questions),
  ...waitingHandlers(deps.listWaiting),
  ...filterHandlers(deps.byFilter),
  ...conversationHandlers(deps.conversations),
  ...scheduleHandlers(deps.schedules, deps.limits),
  ...limitHandlers(deps.setLimits),
});
