import assert from "node:assert/strict";
import { answerOf } from "./conformance/answer.js";
import type { EngineEvent } from "./engine.js";
import { createSentText } from "./sent-text.js";

const text = (said: string, message?: number): EngineEvent => ({ type: "text", text: said, message });

describe("the text of a run that was already reported", () => {
  const settled = (told: readonly EngineEvent[], answer: string): readonly EngineEvent[] => {
    const text = createSentText();
    for (const event of told) text.add(event);
    return text.settle(answer);
  };
  /** The answer that all events together give. */
  const sum = (told: readonly EngineEvent[], answer: string): string => answerOf([...told, ...settled(told, answer)]);

  it("is complete when its last message is the answer", () => {
    const told = [
      text("Let me look.", 1),
      { type: "tool", name: "Bash" },
      text("It ", 2),
      text("says hi.", 2),
    ] as const;
    assert.deepEqual(settled(told, "It says hi."), []);
    const cut = [text("First.", 1), text("Sec", 2), { type: "taken-back", message: 2 }] as const;
    assert.deepEqual(settled(cut, "First."), []);
  });

  it("is completed at the end, and reported in full when none was reported", () => {
    assert.deepEqual(settled([text("half a ")], "half a PONG"), [text("PONG", 1)]);
    assert.deepEqual(settled([], "PONG"), [text("PONG", 1)]);
    assert.equal(sum([text("x", 4), { type: "taken-back", message: 4 }], "PONG"), "PONG");
  });

  it("is taken back where the answer is different", () => {
    const told = [text("Let me look.It says hi.")];
    assert.deepEqual(settled(told, "It says hi."), [{ type: "taken-back", message: 1 }, text("It says hi.", 2)]);
    assert.equal(sum(told, "It says hi."), "It says hi.");
    assert.equal(sum([text("longer than it")], "longer"), "longer");
  });

  it("stays when the run ends without an answer of its own", () => {
    assert.deepEqual(settled([text("Let me look.", 1), { type: "tool", name: "Bash" }], ""), []);
  });
});
