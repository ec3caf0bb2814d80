import type { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { TaskFilter } from "@ccsp/protos/ccsp/task/v1/filter.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Operator } from "../connection/operator.js";
import type { FilterOptions } from "../options/filter-options.js";
import { wholeId } from "../options/task-id.js";
import { taskFilter } from "./by-filter.js";

export type Wanted = FilterOptions & { readonly agent?: string };

/** The tasks of every agent that the options name, newest first. */
export async function* tasksOf(
  gateway: Operator,
  wanted: Wanted,
  { pageSize, promptSnippets }: { readonly pageSize: number; readonly promptSnippets: boolean },
): AsyncGenerator<Task, void> {
  const { agentId, states, ...rest } = taskFilter(wanted) ?? TaskFilter.fromPartial({});
  const filter = { ...rest, agentId: "", states: [] };
  let request: ListRequest = { agentId, states, filter, pageSize, pageToken: "", promptSnippets };
  do {
    const { tasks, nextPageToken } = await gateway.listTasks(request);
    yield* tasks;
    request = { ...request, pageToken: nextPageToken };
  } while (request.pageToken !== "");
}

/** The id of a task of any agent that the user names (see `wholeId`). */
export const anyTaskId = (gateway: Operator, text: string): Promise<string> =>
  wholeId(text, () => tasksOf(gateway, {}, { pageSize: 500, promptSnippets: false }));
