import { invalidFields } from "@ccsp/errors";
import type {
  CancelTasksRequest,
  ClearQueueRequest,
  RetryTasksRequest,
} from "@ccsp/protos/ccsp/queue/v1/task_changes.js";
import type { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { Faults } from "../domain/fields/faults.js";
import type { BulkChange, Clearing } from "../domain/search/bulk.js";
import type { TaskFilter } from "../domain/search/filter.js";
import type { PriorityClass } from "../domain/task/task.js";
import { classOf } from "../messages/words.js";
import { checkAgent, readBulkFilter } from "./read-filter.js";
import { checkWho } from "./read-gates.js";

/** Reads a CancelTasks request. Throws INVALID_FIELD. */
export function readChange(
  { filter, dryRun, reason }: CancelTasksRequest | RetryTasksRequest,
  check: (filter: TaskFilter, faults: Faults) => void = () => {},
): BulkChange {
  const faults = new Faults();
  const read = readBulkFilter(filter, faults);
  check(read, faults);
  faults.check();
  return { filter: read, dryRun, reason };
}

/** Reads a RetryTasks request. Throws INVALID_FIELD. */
export const readRetry = (request: RetryTasksRequest): BulkChange =>
  readChange(request, ({ states }, faults) => {
    const failed = states.every((state) => state === "FAILED" || state === "EXPIRED");
    faults.unless(failed, "filter.states", "may be FAILED and EXPIRED only");
  });

/** Reads the priority of a SetPriority request. Throws INVALID_FIELD. */
export function readPriority(priority: Priority): PriorityClass {
  const named = classOf(priority);
  if (named === undefined) throw invalidFields([{ field: "priority", description: "is not a known priority" }]);
  return named;
}

/** Reads a ClearQueue request. Throws INVALID_FIELD. */
export function readClear({ priority, agentId, confirmationToken: token, who }: ClearQueueRequest) {
  const faults = new Faults();
  checkAgent("agent_id", agentId, faults);
  checkWho(who, faults);
  const named = classOf(priority);
  if (named === undefined) faults.add("priority", "is not a known priority");
  if (named === undefined || faults.found) throw faults.refusal();
  const what: Clearing = { class: named, ...(agentId !== "" && { agent: agentId }) };
  return { what, token, who };
}
