import assert from "node:assert/strict";
import { createAnswer } from "./answer.js";
import type { RunEvent } from "./run-event.js";
import type { TaskResult } from "./task-result.js";

const text = (said: string, message: number): RunEvent => ({
  type: "text",
  sequence: 1,
  attempt: 1,
  message,
  text: said,
});
const back = (message: number): RunEvent => ({ type: "taken-back", sequence: 1, attempt: 1, message });
const tool: RunEvent = { type: "tool", sequence: 1, attempt: 1, name: "Bash" };
const started: RunEvent = { type: "started", sequence: 1, attempt: 2 };

describe("an answer that is put together from events", () => {
  const answerOf = (...events: readonly RunEvent[]): string => {
    const answer = createAnswer();
    for (const event of events) answer.add(event);
    return answer.text();
  };

  it("is the last message that was not taken back", () => {
    assert.equal(answerOf(), "");
    assert.equal(answerOf(text("Let me look.", 1), tool, text("It ", 2), text("says hi.", 2)), "It says hi.");
    assert.equal(answerOf(text("half a ", 1), back(1), text("half a PONG", 2)), "half a PONG");
    assert.equal(answerOf(text("First.", 1), text("Sec", 2), back(2)), "First.");
  });

  it("starts again with each attempt, and joins all text of an executor of an older version", () => {
    assert.equal(answerOf(text("void", 7), started, text("good", 1)), "good");
    assert.equal(answerOf(text("all ", 0), tool, text("of it", 0)), "all of it");
  });

  it("is the text of the result once there is a result", () => {
    const result = { text: "PONG" } as TaskResult;
    const ended: RunEvent = { type: "ended", sequence: 2, state: "SUCCEEDED", result, error: undefined };
    assert.equal(answerOf(text("half a PONG", 0), ended), "PONG");
    const failed: RunEvent = { type: "ended", sequence: 2, state: "FAILED", result: undefined, error: undefined };
    assert.equal(answerOf(text("half", 1), failed), "half");
  });

  it("takes events by the name of release 0.2 too", () => {
    const answer = createAnswer();
    answer.hear(text("PONG", 1));
    assert.equal(answer.text(), "PONG");
  });
});
