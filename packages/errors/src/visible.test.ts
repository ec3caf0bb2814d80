import assert from "node:assert/strict";
import { isVisible, Refusal, visible } from "./index.js";

describe("text that is shown", () => {
  it("is a name only without characters that control a terminal, a log or the direction of writing", () => {
    for (const name of ["claude-opus-4", "Jörg Müller", "日本 🙂", "שלום", ""]) assert.ok(isVisible(name), name);
    for (const bad of [
      "\u001b[2J",
      "a\r\nb",
      "a\tb",
      "\u0000",
      "\u007f",
      "\u009b2J",
      "\u202e",
      "\u2066",
      "\u200f",
      "\u2028",
    ]) {
      assert.ok(!isVisible(`x${bad}y`), JSON.stringify(bad));
    }
  });

  it("shows invisible characters by their codes, and keeps lines and tabs", () => {
    assert.equal(visible("first\n\tsecond 🙂"), "first\n\tsecond 🙂");
    assert.equal(visible("\u001b[2J\r\u009b\u202e"), String.raw`\u{1b}[2J\u{d}\u{9b}\u{202e}`);
  });

  it("is used in refusals, whatever they quote", () => {
    const quoted = "\u001b]0;owned\u0007";
    const refusal = new Refusal("INVALID_FIELD", `no engine ${quoted}`, {
      fields: [{ field: `labels[${quoted}]`, description: quoted }],
      preconditions: [{ type: "T", subject: quoted, description: quoted }],
      quota: [{ subject: quoted, description: quoted }],
      metadata: { engine: quoted },
    });
    assert.doesNotMatch(refusal.message, /\p{Cc}/u);
    const { fields, preconditions, quota, metadata } = refusal;
    const texts = [fields, preconditions, quota, [metadata]].flat().flatMap((each) => Object.values(each));
    for (const text of texts) assert.doesNotMatch(text, /\p{Cc}/u);
    assert.equal(fields[0]?.description, String.raw`\u{1b}]0;owned\u{7}`);
  });
});
