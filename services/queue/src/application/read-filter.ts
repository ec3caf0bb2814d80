import { categoryNameOf } from "@ccsp/errors";
import type { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import type { TaskFilter as TaskFilterMessage } from "@ccsp/protos/ccsp/task/v1/filter.js";
import { Faults } from "../domain/fields/faults.js";
import { isAgentId } from "../domain/fields/ids.js";
import { ANY_TASK, type TaskFilter } from "../domain/search/filter.js";
import type { Listing } from "../domain/search/scan.js";
import type { Caller } from "../domain/task/caller.js";
import { labelName } from "../domain/task/labels.js";
import type { State } from "../domain/task/task.js";
import { classOf, stateOf } from "../messages/words.js";

const PAGE_SIZE = 50;
/** More than there are states, classes or categories. Each task of a scan is compared with all values of a filter. */
const MOST_VALUES = 64;

/**
 * Reads the filter of a change of many tasks. A filter without a set field is a fault: a forgotten filter must not mean
 * all tasks.
 */
export function readBulkFilter(filter: TaskFilterMessage | undefined, faults: Faults): TaskFilter {
  const read = filter && readFilter(filter, faults);
  if (read && Object.values(read).some((value) => !Array.isArray(value) || value.length > 0)) return read;
  faults.unless(faults.found, "filter", "has no field set");
  return ANY_TASK;
}

/** Reads a List request. Undefined when no task can match. Throws INVALID_FIELD. */
export function readList(
  request: ListRequest,
  caller: Caller,
): (Listing & { readonly promptStarts: boolean }) | undefined {
  const faults = new Faults();
  const { pageSize, pageToken } = request;
  faults.unless(pageSize >= 0 && pageSize <= 500, "page_size", "must be 1 to 500, or 0 for 50");
  const filter = readListFilter(request, caller, faults);
  faults.check();
  return (
    filter && {
      filter,
      pageSize: pageSize || PAGE_SIZE,
      pageToken,
      promptStarts: request.promptSnippets,
    }
  );
}

/**
 * Joins the caller and the states of the request with the other fields of its filter. Undefined when no task can match.
 */
function readListFilter({ states, filter }: ListRequest, caller: Caller, faults: Faults): TaskFilter | undefined {
  faults.unless(filter === undefined || filter.agentId === "", "filter.agent_id", "belongs in agent_id");
  faults.unless(filter === undefined || filter.states.length === 0, "filter.states", "belongs in states");
  if (caller.kind === "agent") checkAgent("agent_id", caller.id, faults);
  checkCount("states", states, faults);
  if (faults.found) return undefined;
  // A state that this version does not know still filters: no task can match it.
  const known = states.flatMap((state): State | [] => stateOf(state) ?? []);
  if (states.length > 0 && known.length === 0) return undefined;
  const rest = filter ? readFilter({ ...filter, agentId: "", states: [] }, faults) : ANY_TASK;
  return { ...rest, ...(caller.kind === "agent" && { agent: caller.id }), states: known };
}

function checkCount(field: string, values: readonly unknown[], faults: Faults): void {
  const most = MOST_VALUES;
  faults.unless(values.length <= most, field, `has ${values.length} values, at most ${most}`);
}

/** Checks an agent id. The empty id is valid and means every agent. */
export function checkAgent(field: string, agentId: string, faults: Faults): void {
  faults.unless(agentId === "" || isAgentId(agentId), field, "must be 1 to 128 of A-Z a-z 0-9 . _ @ -");
}

function readFilter(filter: TaskFilterMessage, faults: Faults): TaskFilter {
  const { agentId, engine, createdAfter, createdBefore } = filter;
  const allKnown = <M, T>(field: string, values: readonly M[], known: (value: M) => T | undefined): T[] => {
    checkCount(`filter.${field}`, values, faults);
    return values.slice(0, MOST_VALUES).flatMap((value, i): T[] => {
      const named = known(value);
      faults.unless(named !== undefined, `filter.${field}[${i}]`, "is not known to this version");
      return named === undefined ? [] : [named];
    });
  };
  const time = (field: string, value: Date | undefined): number | undefined => {
    faults.unless(!Number.isNaN(value?.getTime()), `filter.${field}`, "is not a time");
    return value?.getTime();
  };
  checkAgent("filter.agent_id", agentId, faults);
  const fromMs = time("created_after", createdAfter);
  const beforeMs = time("created_before", createdBefore);
  const labels = Object.entries(filter.labels);
  checkCount("filter.labels", labels, faults);
  return {
    ...(agentId !== "" && { agent: agentId }),
    states: allKnown("states", filter.states, stateOf),
    ...(engine !== "" && { engine }),
    classes: allKnown("priorities", filter.priorities, classOf),
    labels: labels.map(([key, value]) => labelName(key, value)),
    ...(fromMs !== undefined && { fromMs }),
    ...(beforeMs !== undefined && { beforeMs }),
    categories: allKnown("error_categories", filter.errorCategories, categoryNameOf),
  };
}
