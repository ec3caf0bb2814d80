import assert from "node:assert/strict";
import { parse } from "yaml";
import { yamlDocument } from "./yaml.js";

const code = (...points: number[]) => String.fromCodePoint(...points);

describe("A YAML document", () => {
  it("keeps every text, and has no character that controls a terminal", () => {
    const texts = [
      "plain",
      "two\nlines\n",
      "windows\r\nlines",
      "\ttab and: colon # no comment",
      "null",
      "1",
      "---\nforged: true",
      `${code(0x1b)}[2J${code(0x9b)}2J${code(0x202e)}turned${code(0x7f)}`,
      `lines\n${code(0x2028)}${code(0x85)}end`,
      `${code(0x202e)}turned only`,
      "日本語 🚀",
    ];
    const document = yamlDocument({ texts, zero: 0, none: [] });
    assert.deepEqual(parse(document), { texts, zero: 0, none: [] });
    assert.ok(document.startsWith("---\ntexts:\n  - plain\n"));
    assert.doesNotMatch(document.replaceAll("\n", ""), /[\p{Cc}\p{Bidi_Control}]/u);
  });
});
