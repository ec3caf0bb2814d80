import assert from "node:assert/strict";
import { redact } from "./redact.js";

describe("the recorded part of an engine's own output", () => {
  it("is plain words and small numbers, without paths, keys, addresses and other scripts", () => {
    const text = "API Error 418: no teapot at /home/me/x.txt, key sk-ant-abc123, me@example.org, 秘密 token=abcdef.";
    assert.equal(redact(text, []), "API Error 418: no teapot at …, key …");
  });

  it("has no word of the prompts", () => {
    assert.equal(redact("Cannot read 'Launch the Canary today'.", ["launch the canary", "Today!"]), "Cannot read '…");
  });

  it("has no plain word that may be a secret by its context", () => {
    const text = 'bad password "hunter", Authorization: Bearer letters; your secrets: alpha beta';
    assert.equal(redact(text, []), 'bad password "…", Authorization: Bearer …; your secrets: … beta');
  });

  it("is short, however long the text is", () => {
    assert.ok(redact("word ".repeat(100_000), []).length <= 300);
  });
});
