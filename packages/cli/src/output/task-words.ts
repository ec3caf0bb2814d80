import { type Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";

/** Name of a state, such as `QUEUED` or `RUNNING`. */
export function stateName(state: TaskState): string {
  return TaskState[state] ?? `state ${state}`;
}

/** The labels of a task, each as `key=value`. */
export const labelWords = ({ spec }: Task): string[] =>
  Object.entries(spec?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
