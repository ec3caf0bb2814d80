import type { RunEvent, RunUsage, Task } from "@ccsp/client";
import type { Clock } from "./clock.js";
import { runningLine } from "./running-words.js";

/** Collects what the events say about the newest attempt. */
export interface RunningState {
  begin(task: Task): void;
  add(event: RunEvent): void;
  /** The line about the attempt, of at most `width` columns. */
  words(width: number): string;
}

export function createRunning(clock: Clock): RunningState {
  let task: Task | undefined;
  let startedMs = clock.now();
  let tools = 0;
  let usage: RunUsage | undefined;

  /** A watch that begins late reads an old event. Then the task knows the time. */
  const startOf = (attempt: number): number =>
    task?.attempt === attempt && task.startTime ? task.startTime.getTime() : clock.now();

  return {
    begin(given) {
      task = given;
      startedMs = startOf(given.attempt);
    },
    add(event) {
      if (event.type === "started") [startedMs, tools, usage] = [startOf(event.attempt), 0, undefined];
      if (event.type === "tool") tools += 1;
      if (event.type === "usage") usage = event;
    },
    words(width) {
      const { engine = "", model = "" } = task?.spec ?? {};
      const elapsedMs = Math.max(0, clock.now() - startedMs);
      const used = Math.max(tools, usage?.toolUses ?? 0);
      return runningLine({ engine, model: usage?.model || model, tools: used, usage, elapsedMs }, width);
    },
  };
}
