import { identityName } from "@ccsp/protos/access.js";
import { Identity } from "@ccsp/protos/ccsp/access/v1/access.js";
import { Priority, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { GateNames } from "../domain/gates/gates.js";
import { type PriorityClass, STATES, type State } from "../domain/task/task.js";

const PRIORITIES = wordsOf(Priority);

export const priorityOf = (priority: PriorityClass): Priority => PRIORITIES[priority];

/** Undefined for UNSPECIFIED and for a priority of a newer version. */
export const classOf = (priority: Priority): PriorityClass | undefined => wordOf(PRIORITIES, priority);

export const toState = (state: State): TaskState => TaskState[state];

/** Undefined for a state that no task of this version has. */
export const stateOf = (state: TaskState): State | undefined => STATES.find((each) => TaskState[each] === state);

export const GATE_NAMES: GateNames = {
  queue: identityName(Identity.QUEUE),
  sessionWatch: identityName(Identity.SESSION_WATCH),
};
