import assert from "node:assert/strict";
import { printable, printableText } from "./printable.js";

const code = (...points: number[]) => String.fromCodePoint(...points);
const OVERRIDE = code(0x202e);

describe("printed text that others wrote", () => {
  it("has no control character in a line: C0, DEL, C1, bidi, line separators", () => {
    const line = `a${code(0x1b)}[31mb\r\nc\td${code(0x7f)}${code(0x9b)}2J${OVERRIDE}e${code(0x2066)}${code(0x200f)}${code(0x2028)}`;
    assert.equal(printable(line), "a\\u001b[31mb\\r\\nc\\td\\u007f\\u009b2J\\u202ee\\u2066\\u200f\\u2028");
  });

  it("leaves every other character as it is", () => {
    const line = "Grüße, 世界 👩‍💻 שלום \\n C:\\new";
    assert.equal(printable(line), line);
    assert.equal(printableText(line), line);
  });

  it("keeps the value of JSON the same", () => {
    const value = { text: `${code(0x1b)}]0;title${code(0x07)}${code(0x9b)}${OVERRIDE}\r\n` };
    assert.deepEqual(JSON.parse(printable(JSON.stringify(value))), value);
  });

  it("keeps line breaks, tabs and marks of right-to-left scripts in text, and drops codes that move the cursor or change direction", () => {
    const text = `one\r\ntwo\n\tthree ${code(0x200f)}שלום\nover\rwritten${code(0x1b)}[2A${code(0x90)}${OVERRIDE}`;
    assert.equal(
      printableText(text),
      `one\r\ntwo\n\tthree ${code(0x200f)}שלום\nover\\rwritten\\u001b[2A\\u0090\\u202e`,
    );
  });
});
