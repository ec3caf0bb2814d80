import { CcspError, TaskFailedError } from "./errors.js";
import type { RunEnded, RunEvent } from "./run-event.js";
import type { TaskResult } from "./task-result.js";

/** A submitted task, to be read as a stream or awaited. The client sends nothing until one of these begins. */
export interface Run extends AsyncIterable<RunEvent> {
  /**
   * Reads the rest of the stream and resolves to the result. Throws TaskFailedError when the task ended without a
   * result. Call it instead of a loop, or after one.
   */
  result(): Promise<TaskResult>;
}

/** Wraps `events` as a Run that can be read once. It remembers the end of the task. */
export function createRun(events: AsyncGenerator<RunEvent, void>): Run {
  let taskId = "";
  let ended: RunEnded | undefined;
  async function* remember(): AsyncGenerator<RunEvent, void> {
    for await (const event of events) {
      if (event.type === "accepted") taskId = event.task.id;
      // When the task was put back, an earlier end does not count.
      ended = event.type === "ended" ? event : undefined;
      yield event;
    }
  }
  const pass = remember();
  return {
    [Symbol.asyncIterator]: () => pass,
    async result() {
      for (;;) if ((await pass.next()).done) break;
      if (!ended)
        throw new CcspError("CALL_CANCELLED", `the run was left before its end; task ${taskId || "not accepted"}`);
      if (ended.state === "SUCCEEDED" && ended.result) return ended.result;
      throw new TaskFailedError(taskId, ended.state === "SUCCEEDED" ? "FAILED" : ended.state, ended.error);
    },
  };
}
