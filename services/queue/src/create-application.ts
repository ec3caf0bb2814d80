import { createBacklog } from "./application/backlog.js";
import { createByFilter } from "./application/by-filter.js";
import { createComplete } from "./application/complete.js";
import { createListWaiting } from "./application/list-waiting.js";
import type { Policies } from "./application/policies.js";
import { createQuestions } from "./application/questions.js";
import { createRunLearner } from "./application/run-learner.js";
import { createStatusFeed } from "./application/status-feed.js";
import type { TaskCache } from "./cache/task-cache.js";
import type { TaskConversations } from "./conversations/task-conversations.js";
import type { SpecLimits } from "./domain/intake/validate.js";
import type { Moves } from "./domain/lifecycle/moves.js";
import type { Queue } from "./domain/lifecycle/queue.js";
import type { Order } from "./domain/order/order.js";
import { readStatus } from "./domain/status/status.js";
import type { TaskStore } from "./domain/store.js";
import { toStatusMessage } from "./messages/status-message.js";

export interface ApplicationDeps {
  readonly store: TaskStore;
  readonly queue: Queue;
  readonly moves: Moves;
  readonly order: () => Order;
  readonly limits: SpecLimits;
  /** Absent: no results are cached. */
  readonly cache?: TaskCache | undefined;
  readonly conversations: TaskConversations;
  readonly policies: Policies;
}

/** What the RPCs use of `application/`, except submissions, which schedules use too. Does no I/O. */
export function createApplication({ store, queue, moves, order, limits, cache, ...deps }: ApplicationDeps) {
  const { conversations, policies } = deps;
  const getStatus = async () => toStatusMessage(await readStatus(store, order()), limits);
  const learn = createRunLearner(store, () => performance.now());
  return {
    byFilter: createByFilter({ store, moves }),
    questions: createQuestions({ store, queue, order, limits, conversations, policies }),
    listWaiting: createListWaiting({ store, order, engines: limits.engines }),
    complete: createComplete({ queue, conversations, cache, learn }),
    backlog: createBacklog(store, () => performance.now()),
    getStatus,
    watchStatus: createStatusFeed(getStatus),
  };
}
