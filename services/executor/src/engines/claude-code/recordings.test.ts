import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createLineSplitter, outcomeOf, type RunExit, type RunOutcome } from "@ccsp/engine-kit";
import { RULES } from "./rules.js";
import { createTranscriptReader } from "./transcript.js";

const RECORDINGS = new URL("../../../test/recordings/2.1.197/", import.meta.url);
const NOW = Date.UTC(2026, 10, 25, 1, 16, 50);

/** What the real CLI said, by name of the recording, and what it comes to. */
function outcomeOfRecording(name: string, exit: Partial<RunExit> = {}): RunOutcome {
  const reader = createTranscriptReader();
  for (const line of createLineSplitter(1_000_000).push(readFileSync(new URL(`${name}.jsonl`, RECORDINGS)))) {
    assert.notEqual(reader.read(line), undefined, `a line of ${name} is not understood`);
  }
  const end: RunExit = { code: 1, signal: null, stderr: "", overrun: undefined, runMs: 5, ...exit };
  reader.end?.(end);
  return outcomeOf({ transcript: reader.transcript, exit: end, outputLimit: undefined, dateMs: NOW, rules: RULES });
}

describe("recorded runs of the Claude Code CLI", () => {
  const failures: readonly (readonly [string, string, boolean, string])[] = [
    ["bad-key", "SESSION_TIMEOUT", false, "CCSP"],
    ["no-login", "SESSION_TIMEOUT", false, "CCSP"],
    ["rate-limit", "RATE_LIMIT", true, "PROVIDER"],
    ["window-closed", "USAGE_WINDOW", true, "PROVIDER"],
    ["overloaded", "OVERLOADED", true, "PROVIDER"],
    ["server-error", "OVERLOADED", true, "PROVIDER"],
    ["connection-refused", "NETWORK_ERROR", true, "PROVIDER"],
    ["connection-cut", "NETWORK_ERROR", true, "PROVIDER"],
    ["bad-request", "INVALID_REQUEST", false, "AGENT"],
    ["no-such-model", "INVALID_REQUEST", false, "AGENT"],
    ["turns-used-up", "BUDGET_EXCEEDED", false, "AGENT"],
    ["budget-spent", "BUDGET_EXCEEDED", false, "AGENT"],
  ];
  for (const [name, category, retryable, source] of failures) {
    it(`${name} is ${category}`, () => {
      const outcome = outcomeOfRecording(name);
      assert.ok(!outcome.ok);
      const { failure } = outcome;
      assert.deepEqual([failure.category, failure.retryable, failure.source], [category, retryable, source]);
    });
  }

  it("an empty success is NO_WORK_DONE, whatever the exit code", () => {
    const outcome = outcomeOfRecording("empty-success", { code: 0 });
    assert.equal(!outcome.ok && outcome.failure.category, "NO_WORK_DONE");
  });

  it("a closed window says when it opens", () => {
    const outcome = outcomeOfRecording("window-closed");
    assert.equal(!outcome.ok && outcome.failure.retryAfterMs, 1_795_573_010_000 - NOW);
  });

  it("a spent budget keeps its cost, and its usage from the count per model", () => {
    const outcome = outcomeOfRecording("budget-spent");
    assert.ok(!outcome.ok);
    assert.equal(outcome.costUsd, 18.05);
    assert.equal(outcome.usage?.outputTokens, 700_000);
  });

  it("an unknown option is a crash that shows the complaint, since no session had begun", () => {
    const outcome = outcomeOfRecording("unknown-option", {
      stderr: "error: unknown option '--nope'\n(Did you mean --name?)\n",
    });
    assert.ok(!outcome.ok);
    assert.equal(outcome.failure.category, "ENGINE_CRASH");
    assert.match(outcome.failure.message, /exit code 1; error: unknown option '--nope'/);
  });

  it("a success has everything that a result has", () => {
    const outcome = outcomeOfRecording("success", { code: 0 });
    assert.deepEqual(outcome, {
      ok: true,
      result: {
        text: "日本語 🎉 done",
        usage: { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, cacheCreationTokens: 2 },
        costUsd: 0.00014639999999999998,
        conversationId: "9fd7e836-0db3-4b01-9df2-599f78ea8163",
        engineVersion: "2.1.197",
        model: "claude-sonnet-4-5",
        turns: 1,
        runMs: 5,
        resources: undefined,
        transcript: undefined,
      },
    });
  });
});

describe("the end of a run", () => {
  const line = (value: object) => Buffer.from(JSON.stringify(value));
  const end = (lines: readonly object[], exit: Partial<RunExit> = {}): RunOutcome => {
    const reader = createTranscriptReader();
    for (const value of lines) reader.read(line(value));
    const full: RunExit = { code: 0, signal: null, stderr: "", overrun: undefined, runMs: 1, ...exit };
    reader.end?.(full);
    return outcomeOf({ transcript: reader.transcript, exit: full, outputLimit: undefined, dateMs: NOW, rules: RULES });
  };
  const category = (outcome: RunOutcome) => (outcome.ok ? "ok" : outcome.failure.category);
  const init = { type: "system", subtype: "init", claude_code_version: "2.1.197", session_id: "s" };
  const said = { type: "assistant", message: { id: "m", model: "x", content: [{ type: "text", text: "half" }] } };
  const result = { type: "result", subtype: "success", is_error: false, result: "all", num_turns: 1 };

  it("is a success when an answer quotes an error's text", () => {
    const quote = "API Error: 529 Overloaded. You've hit your limit. Not logged in · Please run /login";
    assert.equal(category(end([init, { ...result, result: quote }])), "ok");
  });

  it("is NO_WORK_DONE on exit 0 with nothing said, and a crash once something was", () => {
    assert.equal(category(end([init])), "NO_WORK_DONE");
    assert.equal(category(end([init, said])), "ENGINE_CRASH");
    assert.equal(category(end([init], { code: 1 })), "ENGINE_CRASH");
  });

  it("is the limit that was passed, unless the result had come", () => {
    assert.equal(category(end([init, said], { code: 143, overrun: "wall" })), "TIMEOUT");
    assert.equal(category(end([init, said], { code: 143, overrun: "silence" })), "ENGINE_HANG");
    assert.equal(category(end([init, said, result], { code: 143, overrun: "wall" })), "ok");
  });

  it("takes no count that is none", () => {
    const usage = {
      input_tokens: 1.5,
      output_tokens: -1,
      cache_read_input_tokens: 1e300,
      cache_creation_input_tokens: 2,
    };
    const outcome = end([init, { ...result, num_turns: 0.5, usage }]);
    assert.ok(outcome.ok);
    const { inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens } = outcome.result.usage ?? {};
    assert.deepEqual([inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens], [0, 0, 0, 2]);
    assert.equal(outcome.result.turns, 0);
  });

  it("is a failure when the result does not say whether it is an error", () => {
    assert.equal(category(end([init, { type: "result", subtype: "success", result: "x" }])), "UNKNOWN_ERROR");
  });

  it("is OVERLOADED after the CLI's own retries are used up, where the status is absent", () => {
    const text = "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.";
    const failed = { ...result, is_error: true, api_error_status: null, result: text };
    assert.equal(category(end([init, failed], { code: 1 })), "OVERLOADED");
  });
});
