import assert from "node:assert/strict";
import { createLineSplitter, type EngineEvent } from "@ccsp/engine-kit";
import { answerOf } from "@ccsp/engine-kit/conformance";
import { array, assert as check, nat, property, string } from "fast-check";
import { createTranscriptReader } from "./transcript.js";

const textOf = (events: readonly EngineEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

const delta = (text: string) => ({
  type: "stream_event",
  parent_tool_use_id: null,
  event: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
});
const start = (id: string) => ({ type: "stream_event", event: { type: "message_start", message: { id } } });
const stop = { type: "stream_event", event: { type: "message_stop" } };
const whole = (id: string, text: string) => ({
  type: "assistant",
  parent_tool_use_id: null,
  message: { id, model: "m", content: [{ type: "text", text }] },
});

/** Feeds the lines to a reader in pieces that end at `cuts`. */
function read(lines: readonly object[], cuts: readonly number[] = []): EngineEvent[] {
  const bytes = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const ends = [...new Set([...cuts.map((cut) => cut % bytes.length), bytes.length])].sort((a, b) => a - b);
  const reader = createTranscriptReader();
  const splitter = createLineSplitter(bytes.length);
  let from = 0;
  return ends.flatMap((to) => {
    const chunk = bytes.subarray(from, to);
    from = to;
    return [...splitter.push(chunk)].flatMap((line) => reader.read(line) ?? []);
  });
}

describe("the transcript of a run", () => {
  it("gives the same text, wherever the bytes are cut", () => {
    const texts = array(string({ unit: "grapheme", minLength: 1 }), { minLength: 1, maxLength: 8 });
    check(
      property(texts, array(nat(), { maxLength: 40 }), (pieces, cuts) => {
        assert.equal(textOf(read(pieces.map(delta), cuts)), pieces.join(""));
      }),
    );
  });

  it("takes a message's text once, from the pieces if there are any", () => {
    assert.equal(textOf(read([start("m1"), delta("hel"), delta("lo"), whole("m1", "hello"), stop])), "hello");
    assert.equal(textOf(read([whole("m2", "unstreamed")])), "unstreamed");
  });

  it("adds only new text when the whole text follows a broken stream", () => {
    assert.equal(textOf(read([start("m1"), delta("hel"), whole("m2", "hello")])), "hello");
  });

  it("withdraws interrupted text when the CLI starts a new stream and closes the old one as if it had ended", () => {
    // CLI 2.1.332 does this.
    const stopBlock = { type: "stream_event", event: { type: "content_block_stop", index: 0 } };
    const retry = { type: "system", subtype: "api_retry", attempt: 1, max_retries: 2, error_status: null };
    const [one, two, all] = ["half a ", "half a ", "half a PONG"];
    const lines = [
      start("m1"),
      delta(one),
      stopBlock,
      stop,
      retry,
      start("m2"),
      delta(two),
      stopBlock,
      stop,
      retry,
      start("m3"),
      delta(all),
      whole("m3", all),
      stopBlock,
      stop,
    ];
    const events = read(lines);
    assert.equal(answerOf(events), all);
    assert.deepEqual(
      events.filter(({ type }) => type !== "notice"),
      [
        { type: "text", text: one, message: 1 },
        { type: "taken-back", message: 1 },
        { type: "text", text: two, message: 2 },
        { type: "taken-back", message: 2 },
        { type: "text", text: all, message: 3 },
      ],
    );
    assert.deepEqual(read([start("m1"), delta(one), stop, whole("m2", all)]), [
      { type: "text", text: one, message: 1 },
      { type: "text", text: "PONG", message: 1 },
    ]);
    assert.equal(answerOf(read([start("m1"), delta("half a PI"), whole("m2", all)])), all);
  });

  it("keeps texts around a tool apart, and each block of a message: the CLI's result is the last block that was not withdrawn", () => {
    const block = (index: number) => ({ type: "stream_event", event: { type: "content_block_start", index } });
    const tool = {
      type: "assistant",
      message: { id: "m1", model: "m", content: [{ type: "tool_use", name: "Bash", input: {} }] },
    };
    const first = [start("m1"), block(0), delta("Let me look."), whole("m1", "Let me look."), block(1), tool, stop];
    const second = [start("m2"), block(0), delta("It says hi."), whole("m2", "It says hi."), stop];
    assert.deepEqual(read([...first, ...second]), [
      { type: "text", text: "Let me look.", message: 1 },
      { type: "tool", name: "Bash" },
      { type: "text", text: "It says hi.", message: 2 },
    ]);
    const result = { type: "result", subtype: "success", is_error: false, result: "First.", num_turns: 1 };
    const brokenOff = [block(0), delta("First."), whole("m1", "First."), block(1), delta("Sec"), result];
    assert.equal(answerOf(read([start("m1"), ...brokenOff])), "First.");
  });

  it("leaves out text of sub-agents and text that the CLI writes in place of the model", () => {
    const bySubAgent = { ...delta("inner"), parent_tool_use_id: "toolu_1" };
    const synthetic = {
      type: "assistant",
      message: { id: "x", model: "<synthetic>", content: [{ type: "text", text: "API Error" }] },
    };
    assert.deepEqual(read([bySubAgent, synthetic]), []);
  });

  it("reports tools and retries", () => {
    const tool = {
      type: "assistant",
      message: { id: "m", model: "m", content: [{ type: "tool_use", name: "Bash", input: {} }] },
    };
    const retry = { type: "system", subtype: "api_retry", attempt: 1, max_retries: 2, error_status: 529 };
    assert.deepEqual(read([tool, retry, { ...retry, error_status: null }]), [
      { type: "tool", name: "Bash" },
      { type: "notice", category: "OVERLOADED", message: "the provider answered 529; retry 1 of 2" },
      { type: "notice", category: "NETWORK_ERROR", message: "the provider could not be reached; retry 1 of 2" },
    ]);
  });

  it("tells the usage so far at the end of each model message, counted once however often it is repeated", () => {
    const begin = (id: string, input: number) => ({
      type: "stream_event",
      event: { type: "message_start", message: { id, usage: { input_tokens: input, output_tokens: 1 } } },
    });
    const block = (id: string, input: number, by: string | null = null) => ({
      type: "assistant",
      parent_tool_use_id: by,
      message: { id, model: "m", usage: { input_tokens: input, output_tokens: 1 }, content: [] },
    });
    const end = (output: number) => ({
      type: "stream_event",
      event: { type: "message_delta", usage: { output_tokens: output, cache_read_input_tokens: 5 } },
    });
    const first = [begin("m1", 10), block("m1", 10), block("m1", 10), end(20), block("m1", 10), end(21)];
    const counts = (lines: readonly object[]) =>
      read(lines).flatMap((event) =>
        event.type === "usage" ? [[event.turns, event.usage?.inputTokens, event.usage?.outputTokens]] : [],
      );
    assert.deepEqual(counts(first), [[1, 10, 20]]);
    const broken = begin("m2", 10);
    assert.deepEqual(counts([...first, broken, begin("m3", 10), end(7)]), [
      [1, 10, 20],
      [2, 30, 21 + 1 + 7],
    ]);
    const bySubAgent = [block("s1", 4, "toolu_1"), block("s1", 4, "toolu_1")];
    assert.deepEqual(counts([...first, ...bySubAgent]).at(-1), [1, 14, 22], "tokens of a sub-agent, but no turn");
    const [event] = read([begin("m1", 10), end(20)]);
    const usage = { inputTokens: 10, outputTokens: 20, cacheReadTokens: 5, cacheCreationTokens: 0 };
    assert.deepEqual(event, { type: "usage", turns: 1, usage, costUsd: undefined, model: "" });
  });

  it("tells no less than the results so far, and no cost of 0 for tokens that only messages counted", () => {
    const message = (id: string) => ({
      type: "assistant",
      message: { id, model: "m", usage: { input_tokens: 10, output_tokens: 5 }, content: [] },
    });
    const result = (costUSD: number, inputTokens: number) => ({
      type: "result",
      model_usage_since_last_result: { m: { inputTokens, outputTokens: 0, costUSD } },
    });
    const told = (lines: readonly object[]) =>
      read(lines).flatMap((event) =>
        event.type === "usage" ? [[event.usage?.inputTokens, event.usage?.outputTokens, event.costUsd]] : [],
      );
    assert.deepEqual(told([message("a"), result(0.5, 100), message("b")]).at(-1), [100, 10, 0.5]);
    assert.deepEqual(told([result(0, 0), message("a")]), [[10, 5, undefined]]);
  });

  it("skips lines of an unknown kind, and lines that are not JSON objects", () => {
    const reader = createTranscriptReader();
    for (const line of ['{"type":"hologram"}', '{"type":"constructor"}', "garbage", "[1]", '"x"', "", '{"no":1}']) {
      assert.equal(reader.read(Buffer.from(line)), undefined, line);
    }
  });

  it("keeps what the CLI last said of each usage window, and drops what is not a number", () => {
    const reader = createTranscriptReader();
    const said = (info: object) => reader.read(Buffer.from(JSON.stringify({ type: "rate_limit_event", ...info })));
    const week = { name: "seven_day", state: "open", resetMs: 9_000_000, share: 0.5, lengthMs: 604_800_000 };
    const hours = { name: "five_hour", resetMs: 7_200_000, lengthMs: 18_000_000 };
    // 2.1.332 tells the share of all windows.
    said({
      rate_limit_info: {
        ...{ status: "allowed_warning", resetsAt: 7_200, rateLimitType: "five_hour", utilization: 0.93 },
        unifiedWindows: {
          five_hour: { utilization: 0.93, resetsAt: 7_200, status: "allowed_warning" },
          seven_day: { utilization: 0.5, resetsAt: 9_000, status: "allowed" },
        },
      },
    });
    assert.deepEqual(reader.transcript.windows, [{ ...hours, state: "warning", share: 0.93 }, week]);
    // 2.1.197 tells the state of one.
    said({ rate_limit_info: { status: "rejected", resetsAt: 7_200, rateLimitType: "five_hour" } });
    assert.deepEqual(reader.transcript.windows, [{ ...hours, state: "closed", share: 0.93 }, week]);
    for (const strange of [{}, { rate_limit_info: null }, { rate_limit_info: { unifiedWindows: [], status: 7 } }])
      said(strange);
    said({ rate_limit_info: { rateLimitType: "overage", status: "rejected" } });
    said({ rate_limit_info: { unifiedWindows: { seven_day: { utilization: "all", resetsAt: -1 } } } });
    assert.deepEqual(reader.transcript.windows, [{ ...hours, state: "closed", share: 0.93 }, week]);
  });
});
