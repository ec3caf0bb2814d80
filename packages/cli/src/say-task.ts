import type { Task } from "@ccsp/client";
import { describeTask } from "./describe.js";
import { type Io, say, writeText } from "./io.js";
import { traceLine } from "./trace/trace-url.js";

/** Prints a task, and then its answer if it has one. */
export async function sayTask(io: Io, task: Task): Promise<void> {
  for (const line of describeTask(task, (traceId) => traceLine(io, traceId))) say(io, line);
  if (!task.result) return;
  say(io, "");
  await writeText(io, `${task.result.text}\n`);
}
