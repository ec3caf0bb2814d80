import assert from "node:assert/strict";
import { createLineSplitter, type EngineEvent } from "@ccsp/engine-kit";
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

/** Feeds the lines in pieces that end at `cuts`. */
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
  it("gives the same text wherever the bytes are cut", () => {
    const texts = array(string({ unit: "grapheme", minLength: 1 }), { minLength: 1, maxLength: 8 });
    check(
      property(texts, array(nat(), { maxLength: 40 }), (pieces, cuts) => {
        assert.equal(textOf(read(pieces.map(delta), cuts)), pieces.join(""));
      }),
    );
  });

  it("takes a message's text once, from the pieces where there are some", () => {
    assert.equal(textOf(read([start("m1"), delta("hel"), delta("lo"), whole("m1", "hello"), stop])), "hello");
    assert.equal(textOf(read([whole("m2", "unstreamed")])), "unstreamed");
  });

  it("adds only what is new when a broken stream is followed by the whole text", () => {
    assert.equal(textOf(read([start("m1"), delta("hel"), whole("m2", "hello")])), "hello");
  });

  it("leaves out what sub-agents write and what the CLI says in the model's place", () => {
    const bySubAgent = { ...delta("inner"), parent_tool_use_id: "toolu_1" };
    const synthetic = {
      type: "assistant",
      message: { id: "x", model: "<synthetic>", content: [{ type: "text", text: "API Error" }] },
    };
    assert.deepEqual(read([bySubAgent, synthetic]), []);
  });

  it("tells of tools and retries", () => {
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

  it("passes over lines of an unknown kind, and what is no JSON object", () => {
    const reader = createTranscriptReader();
    for (const line of ['{"type":"hologram"}', '{"type":"constructor"}', "garbage", "[1]", '"x"', "", '{"no":1}']) {
      assert.equal(reader.read(Buffer.from(line)), undefined, line);
    }
  });
});
