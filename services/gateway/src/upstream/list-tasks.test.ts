import assert from "node:assert/strict";
import { ListRequest, ListResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { listTasks } from "./list-tasks.js";

/** A queue that finds these numbers of tasks, one for each page. Its token is the number of the page. */
function queueOf(found: readonly number[]) {
  const asked: string[] = [];
  return {
    asked,
    list: async ({ pageToken = "" }: { readonly pageToken?: string }) => {
      asked.push(pageToken);
      const page = Number(pageToken);
      return ListResponse.fromPartial({
        tasks: Array.from({ length: found[page] ?? 0 }, () => ({ id: `of page ${page}` })),
        nextPageToken: page + 1 < found.length ? String(page + 1) : "",
      });
    },
  };
}

const ask = (queue: ReturnType<typeof queueOf>) => listTasks(queue, ListRequest.fromPartial({ pageSize: 50 }), {});

describe("A list of tasks at the gateway", () => {
  it("has no empty page while a later one has tasks", async () => {
    const queue = queueOf([0, 0, 2, 1]);
    const { tasks, nextPageToken } = await ask(queue);
    assert.deepEqual([tasks.map(({ id }) => id), nextPageToken], [["of page 2", "of page 2"], "3"]);
    assert.deepEqual(queue.asked, ["", "1", "2"]);
  });

  it("is one call of the queue if the first page has tasks, or is the last one", async () => {
    for (const found of [[1, 2], [0]]) {
      const queue = queueOf(found);
      await ask(queue);
      assert.deepEqual(queue.asked, [""]);
    }
  });

  it("gives up after 20 empty pages, and tells where to continue", async () => {
    const queue = queueOf(Array.from({ length: 30 }, () => 0));
    const { tasks, nextPageToken } = await ask(queue);
    assert.deepEqual([tasks, nextPageToken, queue.asked.length], [[], "20", 20]);
  });
});
