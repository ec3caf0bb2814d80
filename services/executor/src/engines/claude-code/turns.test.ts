import assert from "node:assert/strict";
import { createTranscriptReader } from "./transcript.js";

const init = { type: "system", subtype: "init", claude_code_version: "2.1.332", session_id: "s" };
const tasks = (...left: readonly object[]) => ({ type: "system", subtype: "background_tasks_changed", tasks: left });
const used = (costUSD: number) => ({ m: { inputTokens: 10, outputTokens: 5, costUSD } });
const result = (text: string, more: object = {}) => ({
  type: "result",
  subtype: "success",
  is_error: false,
  result: text,
  num_turns: 2,
  queued_turn_count: 0,
  model_usage_since_last_result: used(0.5),
  ...more,
});
const exit = (code: number | null) => ({ code, signal: null, stderr: "", overrun: undefined, runMs: 1 });

function read(...lines: readonly object[]) {
  const reader = createTranscriptReader();
  const events = lines.flatMap((line) => reader.read(Buffer.from(JSON.stringify(line))) ?? []);
  return { reader, events, transcript: reader.transcript, text: reader.transcript.ending?.text };
}

describe("the turns of a run", () => {
  it("end at a result when nothing works in the background and no turn waits", () => {
    assert.equal(read(init, result("all")).text, "all");
    assert.equal(read(init, result("all", { queued_turn_count: undefined })).text, "all");
    assert.equal(read(init, tasks({ task_id: "a" }), tasks(), result("all")).text, "all");
  });

  it("continue while a sub-agent or a command works, and the last answer is the result", () => {
    const begun = [init, tasks({ task_id: "a" }), result("interim")];
    assert.equal(read(...begun).text, undefined);
    const { transcript, text } = read(...begun, tasks(), init, result("the end"));
    assert.equal(text, "the end");
    assert.equal(transcript.ending?.turns, 4);
  });

  it("continue while turns are queued", () => {
    assert.equal(read(init, result("first", { queued_turn_count: 1 })).text, undefined);
  });

  it("end when the last background work ends and no turn follows, but not when a turn follows", () => {
    const ended = [init, tasks({ task_id: "a" }), result("interim"), tasks()];
    assert.equal(read(...ended).text, "interim");
    assert.equal(read(...ended, init).text, undefined);
    assert.equal(read(init, result("interim"), init, result("the end")).text, "the end");
  });

  it("do not wait for watchers, nor for work on other hosts", () => {
    const watchers = tasks({ task_id: "a", ambient: true }, { task_id: "b", off_host: true });
    assert.equal(read(init, watchers, result("all")).text, "all");
  });

  it("end when the CLI exits with 0, whatever work it reported; not on another exit or within a turn", () => {
    const endOf = (code: number | null, ...lines: readonly object[]) => {
      const { reader } = read(init, tasks({ task_id: "a" }), result("interim"), ...lines);
      reader.end?.(exit(code));
      return reader.transcript.ending?.text;
    };
    assert.equal(endOf(0), "interim");
    assert.equal(endOf(1), undefined);
    assert.equal(endOf(null), undefined);
    assert.equal(endOf(0, init), undefined);
  });

  it("do not pass their cause of failure to the next turn", () => {
    const failed = { type: "assistant", message: { model: "<synthetic>", content: [] }, error: "server_error" };
    assert.equal(read(init, failed, result("x", { is_error: true }), init).transcript.words.error, undefined);
  });
});

describe("the usage of a run", () => {
  it("is the sum of what each result adds, not the totals of its conversation", () => {
    const resumed = { total_cost_usd: 7.5, modelUsage: used(7.5) };
    const { transcript } = read(init, result("one", resumed), init, result("two", { ...resumed, total_cost_usd: 8 }));
    assert.equal(transcript.costUsd, 1);
    assert.deepEqual([transcript.usage?.inputTokens, transcript.usage?.outputTokens], [20, 10]);
  });

  it("is the process' total if the CLI reports no more (2.1.197), and unknown if the total may include a conversation", () => {
    const since = { model_usage_since_last_result: undefined };
    const old = read(init, result("a", { ...since, total_cost_usd: 1, modelUsage: used(1) }));
    assert.deepEqual([old.transcript.costUsd, old.transcript.usage?.inputTokens], [1, 10]);
    const made = read(init, result("a", { ...since, total_cost_usd: 9, modelUsage: used(9), result_index: 0 }));
    assert.deepEqual([made.transcript.costUsd, made.transcript.usage], [undefined, undefined]);
  });

  it("is what its messages counted if no result came, such as of a run that was stopped, with the model of its start", () => {
    const usage = { input_tokens: 10, output_tokens: 1 };
    const begin = { type: "stream_event", event: { type: "message_start", message: { id: "m1", usage } } };
    const end = { type: "stream_event", event: { type: "message_delta", usage: { output_tokens: 20 } } };
    const counts = (...lines: readonly object[]) => {
      const { transcript } = read({ ...init, model: "claude-sonnet-4-6" }, ...lines);
      return [transcript.usage?.inputTokens, transcript.usage?.outputTokens, transcript.costUsd, transcript.model];
    };
    assert.deepEqual(counts(begin), [10, 1, undefined, "claude-sonnet-4-6"]);
    assert.deepEqual(counts(begin, end), [10, 20, undefined, "claude-sonnet-4-6"]);
    assert.deepEqual(counts(begin, end, result("a")), [10, 5, 0.5, "m"], "the totals of the result replace them");
  });

  it("names the model that wrote most of this run's text", () => {
    const since = { small: { outputTokens: 1 }, large: { outputTokens: 2 } };
    const modelUsage = { small: { outputTokens: 9 }, large: { outputTokens: 3 } };
    const { transcript } = read(init, result("a", { model_usage_since_last_result: since, modelUsage }));
    assert.equal(transcript.model, "large");
  });
});

describe("tools that a run may not use", () => {
  const denial = (id: string) => ({ tool_name: "Bash", tool_use_id: id, tool_input: { command: "rm x" } });
  const notice = { type: "notice", category: "PERMISSION_DENIED", message: "Bash was not allowed" };

  it("are reported once each, both when the CLI reports them at once and when only its results do", () => {
    const at = { type: "system", subtype: "permission_denied", ...denial("1") };
    const first = result("a", { permission_denials: [denial("1"), denial("2")] });
    const again = result("b", { permission_denials: [denial("1"), denial("2"), denial("3")] });
    const { events, transcript } = read(init, at, first, init, again);
    assert.deepEqual(events, [notice, notice, notice]);
    assert.deepEqual(transcript.denials, Array(3).fill({ tool: "Bash", input: '{"command":"rm x"}' }));
  });

  it("are kept up to a number and a length", () => {
    const many = Array.from({ length: 200 }, (_, i) => ({ ...denial(String(i)), tool_input: "x".repeat(5_000) }));
    const { events, transcript } = read(init, result("a", { permission_denials: many }));
    assert.deepEqual([events.length, transcript.denials.length], [100, 100]);
    assert.equal(transcript.denials[0]?.input.length, 1_024);
  });
});
