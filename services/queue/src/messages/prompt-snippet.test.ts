import assert from "node:assert/strict";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { PROMPT_START_BYTES } from "../domain/task/task-store.js";
import { promptSnippet } from "./prompt-snippet.js";
import { storeSpec } from "./task-message.js";

const snippetOf = (prompt: string, more: Partial<TaskSpec> = {}): string =>
  promptSnippet(storeSpec(TaskSpec.fromPartial({ ...more, prompt })).prompts.subarray(0, PROMPT_START_BYTES));

describe("promptSnippet", () => {
  it("puts the beginning of a prompt on one line of at most 100 characters", () => {
    assert.equal(snippetOf("  Say\n\thello \u0007 now\r\n"), "Say hello now");
    assert.equal(snippetOf("x".repeat(5_000)), "x".repeat(100));
    assert.equal(snippetOf("日本語".repeat(200), { systemPrompt: "no" }), "日本語".repeat(34).slice(0, 100));
    assert.equal(snippetOf("🙂".repeat(300)), "🙂".repeat(100));
  });

  it("leaves out half a character where the prompt was cut", () => {
    const snippet = snippetOf(`${" ".repeat(1_000)}${"語".repeat(100)}`);
    assert.match(snippet, /^語+$/);
    assert.ok(snippet.length < 10);
  });

  it("is empty without a prompt, and for bytes that are not a spec", () => {
    assert.equal(promptSnippet(undefined), "");
    assert.equal(snippetOf("", { systemPrompt: "be brief" }), "");
    assert.equal(promptSnippet(Uint8Array.of(0xff, 0xff)), "");
    assert.equal(promptSnippet(Uint8Array.of(0x0a)), "");
    assert.equal(promptSnippet(new Uint8Array()), "");
  });
});
