import assert from "node:assert/strict";
import type { ListRequest } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { taskSignals } from "./task-signals.js";

const NOW = new Date("2026-03-01T12:00:00Z");
const ago = (minutes: number): Date => new Date(NOW.getTime() - minutes * 60_000);
const task = (id: string, startTime: Date, endTime?: Date): Task =>
  Task.fromPartial({ id, agentId: "ann", spec: { engine: "e" }, startTime, endTime });

describe("the signal of tasks that run for long", () => {
  it("finds them and their peers also when each page of the list has few of them", async () => {
    const running = [task("short", ago(11)), task("long", ago(300))];
    const succeeded = Array.from({ length: 30 }, (_, at) => task(`s${at}`, ago(60), ago(50)));
    const asked: Partial<ListRequest>[] = [];
    const list = async (request: Partial<ListRequest>) => {
      asked.push(request);
      const tasks = request.states?.includes(TaskState.RUNNING) ? running : succeeded;
      // As the queue does when it has looked at many tasks: each third page has ten of them, others none.
      const page = Number(request.pageToken || 0);
      const [from, to] = [Math.floor(page / 3) * 10, page % 3 === 2 ? Math.floor(page / 3) * 10 + 10 : 0];
      return { tasks: tasks.slice(from, to), nextPageToken: page < 8 ? String(page + 1) : "" };
    };
    const signals = await taskSignals({ list }).read(NOW);
    assert.deepEqual(
      signals.map(({ labels, value }) => [labels["task"], value]),
      [
        ["long", 30],
        ["short", 1.1],
      ],
    );
    assert.deepEqual(asked[0]?.filter?.createdBefore, ago(10));
  });
});
