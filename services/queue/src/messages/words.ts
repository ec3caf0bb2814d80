import { Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CLASSES, type PriorityClass, STATES, type State } from "../domain/task.js";

export const priorityOf = (priority: PriorityClass): Priority => CLASSES.indexOf(priority) + Priority.URGENT;

export const toState = (state: State): TaskState => TaskState[state];

/** Undefined for states that no task of this version is in. */
export const stateOf = (state: TaskState): State | undefined => STATES.find((each) => TaskState[each] === state);
