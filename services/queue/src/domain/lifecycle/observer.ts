import type { CategoryName } from "@ccsp/errors";
import type { NewTask } from "../intake/intake-store.js";
import type { State, Task } from "../task/task.js";

/** What happened, for metrics. */
export interface QueueObserver {
  /** It was not there before. */
  accepted(task: NewTask): void;
  ended(state: State): void;
  /** A run failed or was lost; `retried`: the task goes on. */
  failed(category: CategoryName, retried: boolean): void;
  leased(task: Task): void;
  leaseExpired(): void;
  /** A lease was used up before its run had started. */
  deliveryLost(): void;
}
