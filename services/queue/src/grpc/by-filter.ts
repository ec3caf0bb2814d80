import type { Handlers } from "@ccsp/grpc-kit";
import type {
  CancelTasksRequest,
  ClearQueueRequest,
  ClearQueueResponse,
  QueueServiceService,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createByFilter } from "../application/by-filter.js";
import { Faults } from "../domain/fields/faults.js";
import type { Queue } from "../domain/lifecycle/queue.js";
import type { BulkStore, Clearing } from "../domain/search/bulk.js";
import type { Counts } from "../domain/search/change-all.js";
import type { TaskFilter } from "../domain/search/filter.js";
import { toTaskMessage } from "../messages/task-message.js";
import { classOf } from "../messages/words.js";
import { checkAgent, readBulkFilter, readListFilter } from "./filter.js";
import { checkWho } from "./gates.js";

type Rpc = "list" | "cancelTasks" | "retryTasks" | "clearQueue";

const MOST_AGENTS = 100;

/** The RPCs that say which tasks they mean instead of naming them. */
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
      const change = readChange(request, ({ states }, faults) => {
        const failed = states.every((state) => state === "FAILED" || state === "EXPIRED");
        faults.unless(failed, "filter.states", "may be FAILED and EXPIRED only");
      });
      const { matched, changed } = await byFilter.retry(change, signal);
      return { matched: BigInt(sum(matched)), retried: BigInt(sum(changed)) };
    },

    async clearQueue(request, { signal }) {
      const { what, ...confirmed } = readClear(request);
      const { counts, token } = await byFilter.clear(what, confirmed, signal);
      return clearAnswer(counts, token);
    },
  };
}

/** Throws INVALID_FIELD. RetryTasks asks for the same. */
function readChange(
  { filter, dryRun, reason }: CancelTasksRequest,
  check: (filter: TaskFilter, faults: Faults) => void = () => {},
) {
  const faults = new Faults();
  const read = readBulkFilter(filter, faults);
  check(read, faults);
  faults.check();
  return { filter: read, dryRun, reason };
}

/** Throws INVALID_FIELD. */
function readClear({ priority, agentId, confirmationToken: token, who }: ClearQueueRequest) {
  const faults = new Faults();
  checkAgent("agent_id", agentId, faults);
  checkWho(who, faults);
  const named = classOf(priority);
  if (named === undefined) faults.add("priority", "is no known priority");
  if (named === undefined || faults.found) throw faults.refusal();
  const what: Clearing = { class: named, ...(agentId !== "" && { agent: agentId }) };
  return { what, token, who };
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
