import assert from "node:assert/strict";
import { createAnswer, type RunEvent } from "@ccsp/client";

type Ended = Extract<RunEvent, { type: "ended" }>;

/** Reads a run to its end. `text` is the answer from the run's events. It must equal the text of the result. */
export async function collect(
  events: AsyncIterable<RunEvent>,
): Promise<{ taskId: string; text: string; ended: Ended }> {
  let taskId = "";
  const answer = createAnswer();
  let ended: Ended | undefined;
  for await (const event of events) {
    assert.equal(ended, undefined, "nothing follows the end");
    if (event.type === "accepted") taskId = event.task.id;
    if (event.type === "ended") ended = event;
    else answer.add(event);
  }
  const text = answer.text();
  assert.ok(ended, "the stream ended before the task did");
  if (ended.result && ended.result.text !== "") assert.ok(ended.result.text === text, "the events are not the result");
  return { taskId, text, ended };
}
