import assert from "node:assert/strict";
import type { EngineEvent } from "./engine.js";
import { createWholeText } from "./text.js";

describe("the text of a run", () => {
  const told = (pieces: readonly string[]): readonly EngineEvent[] => {
    const whole = createWholeText();
    return pieces.flatMap((text) => whole({ type: "text", text }) ?? []);
  };

  it("joins a character whose halves came in two pieces, and never returns half a character", () => {
    assert.deepEqual(told(["a\ud83c", "\udf89b", "\udf89", "\ud83c"]), [
      { type: "text", text: "a", message: 1 },
      { type: "text", text: "🎉b", message: 1 },
      { type: "text", text: "\ufffd", message: 1 },
    ]);
  });

  it("passes other events on between the halves", () => {
    const whole = createWholeText();
    assert.equal(whole({ type: "text", text: "\ud83c" }), undefined);
    assert.deepEqual(whole({ type: "tool", name: "Bash" }), { type: "tool", name: "Bash" });
    assert.deepEqual(whole({ type: "text", text: "\udf89" }), { type: "text", text: "🎉", message: 1 });
  });

  it("puts no half of a character into another message", () => {
    const whole = createWholeText();
    assert.equal(whole({ type: "text", text: "\ud83c", message: 1 }), undefined);
    assert.deepEqual(whole({ type: "text", text: "b", message: 2 }), { type: "text", text: "b", message: 2 });
  });

  it("names of tools and notices are short and valid, whatever the engine writes", () => {
    const whole = createWholeText();
    assert.deepEqual(whole({ type: "tool", name: "a\ud83d" }), { type: "tool", name: "a\ufffd" });
    const long = whole({ type: "tool", name: "x".repeat(1_000_000) });
    assert.equal(long?.type === "tool" && long.name.length, 256);
    const id = "x".repeat(1_000_000);
    for (const event of [whole({ type: "tool", name: "a", id }), whole({ type: "tool-ended", id, failed: false })])
      assert.equal(event && "id" in event && event.id?.length, 256);
  });
});
