import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { describeTask } from "../describe/task.js";
import type { OutputOptions } from "../output/format.js";
import { taskJson } from "../output/json-forms.js";
import { showOne } from "../output/show.js";
import { stateName } from "../output/task-words.js";
import { type Io, say, writeText } from "../process/io.js";
import { traceLine } from "../trace/trace-url.js";

/** Shows a task, and to people then its answer if it has one. */
export async function showTask(io: Io, options: OutputOptions, task: Task): Promise<void> {
  await showOne(io, options, {
    json: () => taskJson(task),
    name: task.id,
    async write() {
      for (const line of describeTask(task, (traceId) => traceLine(io, traceId))) say(io, line);
      if (!task.result) return;
      say(io, "");
      await writeText(io, `${task.result.text}\n`);
    },
  });
}

/** Shows what a change made of a task: to people, its id, its state and `more`. */
export async function showChanged(io: Io, options: OutputOptions, task: Task, more = ""): Promise<void> {
  const line = `${task.id} ${stateName(task.state)}${more && ` ${more}`}`;
  await showOne(io, options, { json: () => taskJson(task), name: task.id, lines: () => [line] });
}
