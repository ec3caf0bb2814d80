import type { CategoryName } from "@ccsp/errors";
import { TaskFilter } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { PRIORITIES, type PriorityName } from "./task-input.js";

/** Which of the agent's tasks are meant: every field that is set has to match. */
export interface ListFilter {
  readonly engine?: string | undefined;
  /** One of these. */
  readonly priorities?: readonly PriorityName[] | undefined;
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Accepted at this time or later. */
  readonly createdAfter?: Date | undefined;
  /** Accepted before this time. */
  readonly createdBefore?: Date | undefined;
  /** The newest failure is one of these. */
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
