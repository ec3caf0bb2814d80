import assert from "node:assert/strict";
import { createLineFormat } from "./log-lines.js";

const code = (...points: number[]) => String.fromCodePoint(...points);
const ESC = code(0x1b);
const HOSTILE = `${ESC}]0;owned${code(0x07)}${code(0x9b)}2J${code(0x202e)}\r\nforged`;

describe("a line of a fleet as a person sees it", () => {
  for (const colour of [false, true]) {
    it(`shows text of others escaped, ${colour ? "within its own colours" : "and has no colours"}`, () => {
      const format = createLineFormat(colour);
      const lines = [
        HOSTILE,
        `{${HOSTILE}`,
        JSON.stringify({ level: "info", time: "2026-01-01T00:00:00.000Z", msg: HOSTILE, label: HOSTILE }),
        JSON.stringify({ level: "info", msg: "m", [HOSTILE]: { [HOSTILE]: [HOSTILE] }, module: HOSTILE }),
        JSON.stringify({ level: "error", msg: "failed", err: { type: HOSTILE, message: HOSTILE } }),
      ];
      for (const line of lines) {
        const shown = format({ source: `queue-1${HOSTILE}`, line });
        const plain = colour ? shown.replaceAll(new RegExp(`${ESC}\\[\\d+m`, "g"), "") : shown;
        assert.match(plain, /^queue-1[^]*forged/);
        // The pretty printer itself adds a line break before an error and indents it.
        assert.doesNotMatch(plain.replaceAll(/\n {4}/g, " "), /[\p{Cc}\p{Bidi_Control}]/u);
      }
    });
  }

  it("keeps the lines of a stack trace", () => {
    const line = JSON.stringify({
      level: "error",
      msg: "m",
      err: { message: "m", stack: `Error: m\n    at a${ESC}\n    at b` },
    });
    const shown = createLineFormat(false)({ source: "queue-1", line });
    assert.match(shown, /Error: m\n +at a\\u001b\n +at b/);
  });
});
