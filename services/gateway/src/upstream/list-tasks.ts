import type { ListRequest, ListResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import type { QueueClient } from "./task-watch.js";

/** The queue looks at 5,000 tasks for a page, so this is a look at 100,000. A call must not take much longer. */
const MOST_PAGES = 20;

/**
 * A page of the queue's list. The queue looks at a bounded number of tasks for a page. So a filter that matches only
 * old tasks gets empty pages first, and a caller may take one for the end of the list. Those pages are left out here.
 * Only a list that has no match among 100,000 tasks has an empty page with a token.
 */
export async function listTasks(
  queue: Pick<QueueClient, "list">,
  request: ListRequest,
  options: Parameters<QueueClient["list"]>[1],
): Promise<ListResponse> {
  let page = await queue.list(request, options);
  for (let pages = 1; page.tasks.length === 0 && page.nextPageToken !== "" && pages < MOST_PAGES; pages += 1)
    page = await queue.list({ ...request, pageToken: page.nextPageToken }, options);
  return page;
}
