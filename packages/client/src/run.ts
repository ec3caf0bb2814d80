import type { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { CcspError, TaskFailedError } from "./errors.js";
import type { RunEnded, RunEvent } from "./run-event.js";

/** A submitted task to be read as a stream, or awaited. Nothing is sent before one of both is begun. */
export interface Run extends AsyncIterable<RunEvent> {
  /**
   * Reads what is left of the stream and resolves to the result; throws TaskFailedError when the task ended without one.
   * Call it instead of a loop or after one.
   */
  result(): Promise<TaskResult>;
}

/** One pass over `events`, remembered at its end. */
export function createRun(events: AsyncGenerator<RunEvent, void>): Run {
  let taskId = "";
  let ended: RunEnded | undefined;
  async function* remember(): AsyncGenerator<RunEvent, void> {
    for await (const event of events) {
      if (event.type === "accepted") taskId = event.task.id;
      // Of a task that was put back, an earlier end says nothing.
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
