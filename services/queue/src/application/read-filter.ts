import { categoryNameOf } from "@ccsp/errors";
import type { ListRequest, TaskFilter as TaskFilterMessage } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Faults } from "../domain/fields/faults.js";
import { isAgentId } from "../domain/fields/ids.js";
import { ANY_TASK, type TaskFilter } from "../domain/search/filter.js";
import { labelName } from "../domain/task/labels.js";
import type { State } from "../domain/task/task.js";
import { classOf, stateOf } from "../messages/words.js";

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

/** Joins agent and states of the request with the other fields of its filter. Undefined when no task can match. */
export function readListFilter({ agentId, states, filter }: ListRequest, faults: Faults): TaskFilter | undefined {
  faults.unless(filter === undefined || filter.agentId === "", "filter.agent_id", "belongs in agent_id");
  faults.unless(filter === undefined || filter.states.length === 0, "filter.states", "belongs in states");
  checkAgent("agent_id", agentId, faults);
  // A state that this version does not know still filters: no task can match it.
  const known = states.flatMap((state): State | [] => stateOf(state) ?? []);
  if (states.length > 0 && known.length === 0) return undefined;
  const rest = filter ? readFilter({ ...filter, agentId: "", states: [] }, faults) : ANY_TASK;
  return { ...rest, ...(agentId !== "" && { agent: agentId }), states: known };
}

/** Checks an agent id. The empty id is valid and means every agent. */
export function checkAgent(field: string, agentId: string, faults: Faults): void {
  faults.unless(agentId === "" || isAgentId(agentId), field, "must be 1 to 128 of A-Z a-z 0-9 . _ @ -");
}

function readFilter(filter: TaskFilterMessage, faults: Faults): TaskFilter {
  const { agentId, engine, createdAfter, createdBefore } = filter;
  const allKnown = <M, T>(field: string, values: readonly M[], known: (value: M) => T | undefined): T[] =>
    values.flatMap((value, i): T[] => {
      const named = known(value);
      faults.unless(named !== undefined, `filter.${field}[${i}]`, "is not known to this version");
      return named === undefined ? [] : [named];
    });
  const time = (field: string, value: Date | undefined): number | undefined => {
    faults.unless(!Number.isNaN(value?.getTime()), `filter.${field}`, "is not a time");
    return value?.getTime();
  };
  checkAgent("filter.agent_id", agentId, faults);
  const fromMs = time("created_after", createdAfter);
  const beforeMs = time("created_before", createdBefore);
  return {
    ...(agentId !== "" && { agent: agentId }),
    states: allKnown("states", filter.states, stateOf),
    ...(engine !== "" && { engine }),
    classes: allKnown("priorities", filter.priorities, classOf),
    labels: Object.entries(filter.labels).map(([key, value]) => labelName(key, value)),
    ...(fromMs !== undefined && { fromMs }),
    ...(beforeMs !== undefined && { beforeMs }),
    categories: allKnown("error_categories", filter.errorCategories, categoryNameOf),
  };
}
