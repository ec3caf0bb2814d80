import type { Handlers } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { ClearQueueResponse } from "@ccsp/protos/ccsp/queue/v1/task_changes.js";
import type { ByFilter } from "../application/by-filter.js";
import { readChange, readClear, readRetry } from "../application/read-change.js";
import { readList } from "../application/read-filter.js";
import type { Counts } from "../domain/search/change-all.js";
import { toTaskMessage } from "../messages/task-message.js";
import { callerOf } from "./caller.js";

type Rpc = "list" | "cancelTasks" | "retryTasks" | "clearQueue";

/** Agents that the answer to ClearQueue names, those with the most tasks. */
const MOST_AGENTS_NAMED = 100;

/** The RPCs whose request names tasks by a filter instead of by their ids. */
export function filterHandlers(byFilter: ByFilter): Pick<Handlers<QueueServiceService>, Rpc> {
  return {
    async list(request, context) {
      const which = readList(request, callerOf(context, request.agentId));
      if (which === undefined) return { tasks: [], nextPageToken: "" };
      const page = await byFilter.list(which);
      const tasks = page.tasks.map((each) => toTaskMessage({ ...each, prompts: undefined, result: undefined }));
      return { tasks, nextPageToken: page.nextPageToken };
    },

    async cancelTasks(request, { signal }) {
      const { matched, changed } = await byFilter.cancel(readChange(request), signal);
      return { matched: BigInt(sum(matched)), cancelled: BigInt(sum(changed)) };
    },

    async retryTasks(request, { signal }) {
      const { matched, changed } = await byFilter.retry(readRetry(request), signal);
      return { matched: BigInt(sum(matched)), retried: BigInt(sum(changed)) };
    },

    async clearQueue(request, { signal }) {
      const { what, ...confirmed } = readClear(request);
      const { counts, token } = await byFilter.clear(what, confirmed, signal);
      return clearAnswer(counts, token);
    },
  };
}

function clearAnswer(counts: Counts, confirmationToken: string): ClearQueueResponse {
  const agents = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, MOST_AGENTS_NAMED);
  return {
    tasks: BigInt(sum(counts)),
    confirmationToken,
    agents: agents.map(([agentId, tasks]) => ({ agentId, tasks: BigInt(tasks) })),
  };
}

const sum = (counts: Counts): number => [...counts.values()].reduce((total, each) => total + each, 0);
