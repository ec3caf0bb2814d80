import type { CategoryName } from "@ccsp/errors";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { PRIORITIES, type PriorityName } from "./words.js";

/** Selects some of the agent's tasks. A task must match every field that is set. */
export interface ListFilter {
  readonly engine?: string | undefined;
  /** The task has one of these priorities. */
  readonly priorities?: readonly PriorityName[] | undefined;
  /** The task has all these labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The task was accepted at this time or later. */
  readonly createdAfter?: Date | undefined;
  /** The task was accepted before this time. */
  readonly createdBefore?: Date | undefined;
  /** The newest failure of the task has one of these categories. */
  readonly errorCategories?: readonly CategoryName[] | undefined;
}

export function toFilter(filter: ListFilter): TaskFilter {
  const { engine = "", priorities = [], labels = {}, createdAfter, createdBefore, errorCategories = [] } = filter;
  return TaskFilter.fromPartial({
    engine,
    labels: { ...labels },
    ...(createdAfter && { createdAfter }),
    ...(createdBefore && { createdBefore }),
    priorities: priorities.map((name) => PRIORITIES[name]),
    errorCategories: errorCategories.map((name) => ErrorCategory[name]),
  });
}
