import type { Task } from "@ccsp/client";
import { describeTask } from "./describe.js";
import { type Io, say, writeText } from "./io.js";

/** Shows a task, and below it its answer, if it has one. */
export async function sayTask(io: Io, task: Task): Promise<void> {
  for (const line of describeTask(task)) say(io, line);
  if (!task.result) return;
  say(io, "");
  await writeText(io, `${task.result.text}\n`);
}
