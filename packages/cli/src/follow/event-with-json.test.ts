import assert from "node:assert/strict";
import type { RunEntry } from "@ccsp/client/messages";
import { ErrorCategory, ErrorSource, Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { eventsWithJson } from "./event-with-json.js";

const entry = (sequence: number, event: TaskEvent["event"]): RunEntry =>
  TaskEvent.fromPartial({ sequence, attempt: 1, time: new Date(sequence), ...(event && { event }) });

/** What `ccsp run -o json` prints, line by line. */
async function linesOf(...entries: readonly RunEntry[]): Promise<unknown[]> {
  const lines: unknown[] = [];
  const stream = (async function* () {
    yield* entries;
  })();
  for await (const { json } of eventsWithJson(stream)) lines.push(JSON.parse(JSON.stringify(await json())));
  return lines;
}

const NO_MORE = { error: undefined, readyTime: undefined };
const closed = {
  category: ErrorCategory.USAGE_WINDOW,
  message: "the window is closed",
  retryable: true,
  source: ErrorSource.PROVIDER,
  retryAfter: toDuration(1_500),
};
const CLOSED = {
  category: "USAGE_WINDOW",
  message: "the window is closed",
  retryable: true,
  source: "PROVIDER",
  retryAfter: "1.5s",
};

describe("the JSON of the events of a run", () => {
  it("has the error of a wait and of a failure in the form of CCSP, each from its own entry", async () => {
    const lines = await linesOf(
      entry(1, { $case: "stateChanged", value: { state: TaskState.RUNNING, reason: "", ...NO_MORE } }),
      entry(2, {
        $case: "stateChanged",
        value: { state: TaskState.PARKED, reason: "", error: closed, readyTime: new Date(86_400_000) },
      }),
      entry(3, { $case: "stateChanged", value: { state: TaskState.QUEUED, reason: "lease lost", ...NO_MORE } }),
      entry(4, {
        $case: "taskEnded",
        value: { state: TaskState.FAILED, result: undefined, error: { ...closed, retryAfter: undefined } },
      }),
    );
    const { retryAfter: _, ...failure } = CLOSED;
    assert.deepEqual(lines, [
      { type: "started", sequence: 1, attempt: 1 },
      {
        type: "waiting",
        sequence: 2,
        reason: "the window is closed",
        until: "1970-01-02T00:00:00.000Z",
        error: CLOSED,
      },
      { type: "waiting", sequence: 3, reason: "lease lost" },
      { type: "ended", sequence: 4, state: "FAILED", error: failure },
    ]);
  });

  it("has the usage of a cached answer, whose log has none, before the end with its result", async () => {
    const task = Task.fromPartial({ id: "0-1", state: TaskState.SUCCEEDED });
    const usage = { inputTokens: 5n, outputTokens: 7n, cacheReadTokens: 0n, cacheCreationTokens: 0n };
    const result = {
      text: "PONG",
      usage,
      costUsd: 0.5,
      turns: 3,
      model: "m",
      cached: true,
      runTime: toDuration(2_500),
    };
    const ended = TaskEvent.fromPartial({
      ...{ sequence: 2, attempt: 0 },
      event: { $case: "taskEnded", value: { state: TaskState.SUCCEEDED, result } },
    });
    const [accepted, used, end, ...more] = await linesOf({ task }, ended);
    assert.deepEqual(more, []);
    const { id, state } = Object(Object(accepted).task);
    assert.deepEqual([Object(accepted).type, id, state], ["accepted", "0-1", "SUCCEEDED"]);
    const tokens = { inputTokens: 5, outputTokens: 7, cacheReadTokens: 0, cacheCreationTokens: 0 };
    const known = { turns: 3, usage: tokens, costUsd: 0.5, model: "m" };
    assert.deepEqual(used, { type: "usage", sequence: 1, attempt: 0, ...known });
    assert.deepEqual(end, {
      ...{ type: "ended", sequence: 2, state: "SUCCEEDED" },
      result: {
        ...{ ...known, text: "PONG", cached: true, runTime: "2.5s" },
        ...{ conversationId: "", engine: "", engineVersion: "", executorId: "", permissionDenials: [], notKept: [] },
      },
    });
  });
});
