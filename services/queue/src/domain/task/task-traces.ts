import type { Move } from "./move.js";
import type { Task } from "./task.js";

/** The trace that a task gets at its acceptance: see the fields of `Task`. */
export type TaskTrace = Required<Pick<Task, "trace" | "parent">>;

/** The spans of tasks. Implemented by `application/task-spans.ts`. */
export interface TaskTraces {
  /**
   * The trace of a task that is accepted or put back now, by the call whose span is active. `alone`: in a trace of its
   * own. Undefined: there is no trace.
   */
  begin(how?: { readonly alone?: boolean }): TaskTrace | undefined;
  /** This move of the task was made. `task` is as it was before the move. */
  moved(task: Partial<Task>, move: Move): void;
}

export const NO_TRACES: TaskTraces = { begin: () => undefined, moved: () => undefined };
