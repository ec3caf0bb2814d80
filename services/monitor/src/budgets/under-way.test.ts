import assert from "node:assert/strict";
import { ListResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { pino } from "pino";
import { createUnderWay, type UnderWayOptions } from "./under-way.js";

describe("what runs under way have used", () => {
  function world(list: () => Promise<ListResponse>) {
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => lines.push(String(JSON.parse(line).msg)) });
    const queue: UnderWayOptions["queue"] = { list };
    const look = createUnderWay({ queue, log, now: () => new Date(0) });
    return { lines, look: async () => (await look(new Map(), { anew: true })).runs.length };
  }
  const page = (tasks: number, nextPageToken: string) =>
    ListResponse.fromPartial({ tasks: Array.from({ length: tasks }, () => ({ usageSoFar: {} })), nextPageToken });

  it("is read up to 5,000 tasks, and the log says once that there are more", async () => {
    const { look, lines } = world(async () => page(500, "more"));
    assert.deepEqual([await look(), await look()], [5_000, 5_000]);
    assert.deepEqual(lines, ["too many tasks run: budgets do not count what the oldest have used so far"]);
  });

  it("is read from at most 20 pages, also when the queue goes on with empty ones", async () => {
    let asked = 0;
    const { look } = world(async () => page(0, String(++asked)));
    assert.equal(await look(), 0);
    assert.equal(asked, 20);
  });

  it("is nothing while the queue cannot be read, and the log says once that it is so, and its end", async () => {
    let fails = true;
    const { look, lines } = world(async () => {
      if (fails) throw new Error("away");
      return page(1, "");
    });
    assert.deepEqual([await look(), await look()], [0, 0]);
    fails = false;
    assert.equal(await look(), 1);
    assert.deepEqual(lines, [
      "what runs under way have used cannot be read: budgets count only ended runs",
      "what runs under way have used can be read again",
    ]);
  });
});
