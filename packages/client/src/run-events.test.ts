import assert from "node:assert/strict";
import { TaskEvent as Message, Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { RunEvent } from "./run-event.js";
import { toRunEvents } from "./run-events.js";
import { toTask } from "./task.js";
import { type TaskEvent, toTaskEvent } from "./task-event.js";

const entry = (sequence: number, event: Parameters<typeof Message.fromPartial>[0]["event"]): TaskEvent =>
  toTaskEvent(Message.fromPartial({ sequence, attempt: 1, ...(event && { event }) }));
const used = (sequence: number, turns: number) => entry(sequence, { $case: "usageSoFar", value: { turns } });
const running = (sequence: number) => entry(sequence, { $case: "stateChanged", value: { state: TaskState.RUNNING } });
const text = entry(2, { $case: "textDelta", value: { text: "PONG", message: 1 } });
const usage = { inputTokens: 5n, outputTokens: 7n, cacheReadTokens: 0n, cacheCreationTokens: 0n };
const ended = (sequence: number, result: object = { text: "PONG", usage, costUsd: 0.5, turns: 3, model: "m" }) =>
  entry(sequence, { $case: "taskEnded", value: { state: TaskState.SUCCEEDED, result } });

async function eventsOf(...entries: Parameters<typeof toRunEvents>[0] extends AsyncIterable<infer E> ? E[] : never) {
  const events: RunEvent[] = [];
  const log = (async function* () {
    yield* entries;
  })();
  for await (const event of toRunEvents(log)) events.push(event);
  return events;
}
const typesOf = (events: readonly RunEvent[]) => events.map(({ type }) => type);

describe("the events of a run", () => {
  it("have the usage of a result whose log has none, such as a cached answer, before the end", async () => {
    const events = await eventsOf({ type: "accepted", task: toTask(Task.fromPartial({ id: "t" })) }, text, ended(3));
    assert.deepEqual(typesOf(events), ["accepted", "text", "usage", "ended"]);
    assert.deepEqual(events[2], {
      type: "usage",
      sequence: 2,
      attempt: 1,
      turns: 3,
      toolUses: undefined,
      usage: { inputTokens: 5, outputTokens: 7, cacheReadTokens: 0, cacheCreationTokens: 0 },
      costUsd: 0.5,
      model: "m",
    });
  });

  it("have no usage twice, and no usage where the result has none", async () => {
    assert.deepEqual(typesOf(await eventsOf(running(1), used(2, 1), ended(3))), ["started", "usage", "ended"]);
    assert.deepEqual(typesOf(await eventsOf(text, ended(3, { text: "PONG" }))), ["text", "ended"]);
  });

  it("take the usage of an earlier attempt for no usage of the last one", async () => {
    const types = typesOf(await eventsOf(running(1), used(2, 1), running(3), ended(4)));
    assert.deepEqual(types, ["started", "usage", "started", "usage", "ended"]);
  });
});
