import type { Handlers } from "@ccsp/grpc-kit";
import type { ClearQueueResponse, QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createByFilter } from "../application/by-filter.js";
import { readChange, readClear, readRetry } from "../application/read-change.js";
import { readListFilter } from "../application/read-filter.js";
import { Faults } from "../domain/fields/faults.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { BulkStore } from "../domain/search/bulk.js";
import type { Counts } from "../domain/search/change-all.js";
import { toTaskMessage } from "../messages/task-message.js";

type Rpc = "list" | "cancelTasks" | "retryTasks" | "clearQueue";

const MOST_AGENTS = 100;

/** The RPCs whose request names tasks by a filter instead of by their ids. */
export function filterHandlers(deps: { store: BulkStore; queue: Queue }): Pick<Handlers<QueueServiceService>, Rpc> {
  const byFilter = createByFilter(deps);
  return {
    async list(request) {
      const faults = new Faults();
      const { pageSize, pageToken } = request;
      faults.unless(pageSize >= 0 && pageSize <= 500, "page_size", "must be 1 to 500, or 0 for 50");
      const filter = readListFilter(request, faults);
      faults.check();
      if (filter === undefined) return { tasks: [], nextPageToken: "" };
      const page = await byFilter.list(filter, { pageSize, pageToken });
      const tasks = page.tasks.map((task) => toTaskMessage({ task, prompts: undefined, result: undefined }));
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
  const agents = [...counts].toSorted(([, a], [, b]) => b - a).slice(0, MOST_AGENTS);
  return {
    tasks: BigInt(sum(counts)),
    confirmationToken,
    agents: agents.map(([agentId, tasks]) => ({ agentId, tasks: BigInt(tasks) })),
  };
}

const sum = (counts: Counts): number => [...counts.values()].reduce((total, each) => total + each, 0);
