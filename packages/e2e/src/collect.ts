import assert from "node:assert/strict";
import type { RunEvent } from "@ccsp/client";

type Ended = Extract<RunEvent, { type: "ended" }>;

/** Reads a run to its end. `text` is what the newest attempt streamed, joined. */
export async function collect(
  events: AsyncIterable<RunEvent>,
): Promise<{ taskId: string; text: string; ended: Ended }> {
  let taskId = "";
  let text = "";
  let attempt = 0;
  let ended: Ended | undefined;
  for await (const event of events) {
    assert.equal(ended, undefined, "nothing follows the end");
    if (event.type === "accepted") taskId = event.task.id;
    if (event.type === "text") {
      if (event.attempt !== attempt) text = "";
      attempt = event.attempt;
      text += event.text;
    }
    if (event.type === "ended") ended = event;
  }
  assert.ok(ended, "the stream ended before the task did");
  return { taskId, text, ended };
}
