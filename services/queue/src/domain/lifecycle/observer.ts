import type { CategoryName } from "@ccsp/errors";
import type { NewTask } from "../intake/intake-store.js";
import type { State, Task } from "../task/task.js";

/** Gets notified of what happened, for metrics. */
export interface QueueObserver {
  /** A new task was accepted. A repeated request does not count. */
  accepted(task: NewTask): void;
  ended(state: State): void;
  /** A run failed or was lost. `retried`: the task is tried again. */
  failed(category: CategoryName, retried: boolean): void;
  leased(task: Task): void;
  leaseExpired(): void;
  /** A lease ended before its run had started. */
  deliveryLost(): void;
}
