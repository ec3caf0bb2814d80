import assert from "node:assert/strict";
import { codeBlocks, codeSpans, type Piece } from "./code.js";

/** Code in brackets, so that a test reads as the page does. */
const drawn = (pieces: readonly Piece[]): string =>
  pieces.map(({ text, code }) => (code ? `[${text}]` : text)).join("");

describe("code in a text", () => {
  it("is what stands between two backticks, and an odd backtick is a character", () => {
    for (const [text, wanted] of [
      ["call `ls` or `pwd`", "call [ls] or [pwd]"],
      ["it's 5` wide", "it's 5` wide"],
      ["an odd ` here\n\nand `code` there", "an odd ` here\n\nand [code] there"],
      ["`one` and ` two", "[one] and ` two"],
      [
        "the key ` is left of 1, `pwd` is not, and it is 5` wide",
        "the key ` is left of 1, [pwd] is not, and it is 5` wide",
      ],
      ["a `` b ` c `` d", "a [ b ` c ] d"],
      ["`` ` `` is a backtick", "[`] is a backtick"],
      ["``", "``"],
      ["", ""],
    ] as const)
      assert.equal(drawn(codeSpans(text)), wanted);
  });

  it("is a block between fences, which end only with a fence that is as long", () => {
    for (const [text, wanted] of [
      ["before\n```ts\ncode\n```\nafter", "before\n[code\n]after"],
      ["````\n```\ncode\n```\n````\nafter", "[```\ncode\n```\n]after"],
      ["~~~\ncode ```\n~~~\nafter", "[code ```\n]after"],
      ["1. do\n   ```sh\n   ls\n   ```\n2. go", "1. do\n[   ls\n]2. go"],
      ["```ls``` is inline", "```ls``` is inline"],
      ["it is written\n```\nnow", "it is written\n[now]"],
    ] as const)
      assert.equal(drawn(codeBlocks(text)), wanted);
  });
});
