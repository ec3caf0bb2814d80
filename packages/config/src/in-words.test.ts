import assert from "node:assert/strict";
import { defaultInWords, formInWords } from "./in-words.js";
import { describeSettings } from "./load.js";

describe("A setting in words", () => {
  const words = (define: Parameters<typeof describeSettings>[0]) =>
    describeSettings(define).map((setting) => [formInWords(setting), defaultInWords(setting)]);

  it("has the size of a large number, and only bounds that say something", () => {
    const all = words((settings) => {
      settings.integer("A", "", { default: 1024 ** 2, min: 1, max: 4 * 1024 ** 2 });
      settings.integer("B", "", { default: 100_000 });
      settings.durationMs("C", "", { default: "12s" });
      settings.durationMs("D", "", { default: "1h", min: 1_000, max: 86_400_000 });
    });
    assert.deepEqual(all, [
      ["a whole number from 1 to 4194304 (4 MiB)", "1048576 (1 MiB)"],
      ["a whole number", "100000"],
      ["a duration", "12s"],
      ["a duration from 1s to 1d", "1h"],
    ]);
  });

  it("has the words that it was declared with, in place of a pattern or of a value of this machine", () => {
    const all = words((settings) => {
      settings.optionalText("A", "", { pattern: /^\//, form: "an absolute path" });
      settings.list("B", "", { default: [], pattern: /^\w+=\d+$/, form: "class=tasks, with commas between several" });
      settings.text("C", "", { default: "host-17", defaultIs: "the host name" });
      settings.text("D", "");
    });
    assert.deepEqual(all, [
      ["an absolute path", ""],
      ["class=tasks, with commas between several", ""],
      ["text", "the host name"],
      ["text", "none; required"],
    ]);
  });
});
