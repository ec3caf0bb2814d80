import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type EngineEvent, parseObject, textAt } from "@ccsp/engine-kit";
import { answerOf, replay } from "@ccsp/engine-kit/conformance";
import { CASES } from "../test/cases.js";
import { createReader } from "./reader.js";
import { RULES } from "./rules.js";

const RECORDINGS = new URL("../recordings/", import.meta.url);

const textOf = (events: readonly EngineEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

describe("recordings of OpenCode", () => {
  it("exist for the version that is installed here: test/record.ts makes them", () => {
    const { version } = createRequire(import.meta.url)("opencode-ai/package.json");
    assert.ok(readdirSync(RECORDINGS).includes(version), version);
  });
});

for (const version of readdirSync(RECORDINGS)) {
  describe(`recordings of OpenCode ${version}`, () => {
    for (const one of CASES) {
      it(`give the expected outcome: ${one.name}`, () => {
        const { category, text, told = text ?? "", usage, turns, tools = [], notices = [], retryAfter } = one.expects;
        const recording = readFileSync(new URL(`${version}/${one.name}.jsonl`, RECORDINGS), "utf8");
        const reader = createReader("anthropic/claude-sonnet-4-5");
        const { events, unknown, outcome } = replay(recording, { reader, rules: RULES });
        assert.deepEqual(unknown, []);
        assert.equal(textOf(events), told);
        const notable = events.filter(({ type }) => type !== "text");
        assert.deepEqual(
          notable.map((event) => (event.type === "tool" ? event.name : "")).filter((name) => name !== ""),
          tools,
        );
        assert.deepEqual(
          notable.flatMap((event) => (event.type === "notice" ? [`${event.category} ${event.message}`] : [])),
          notices,
        );
        if (outcome.ok) {
          assert.equal(answerOf(events), text);
          const { result } = outcome;
          assert.equal(category, undefined, `succeeded: ${result.text}`);
          assert.equal(result.text, text);
          assert.match(result.conversationId, /^ses_/);
          if (usage) assert.deepEqual(result.usage, usage);
          if (turns) assert.equal(result.turns, turns);
          assert.ok((result.costUsd ?? 0) > 0);
          const told = events.filter((event) => event.type === "usage");
          assert.deepEqual(
            told.map((event) => event.turns),
            Array.from({ length: result.turns }, (_, i) => i + 1),
            "told once for each turn",
          );
          const { usage: total, costUsd, model } = result;
          assert.deepEqual(told.at(-1), { type: "usage", turns: result.turns, usage: total, costUsd, model });
        } else {
          assert.equal(outcome.failure.category, category, outcome.failure.message);
          assert.equal((outcome.failure.retryAfterMs ?? 0) > 60_000, retryAfter === true);
        }
      });
    }
  });
}

describe("a run of OpenCode that ends without its last line", () => {
  it("is not a success, unless OpenCode had finished", () => {
    const [step, idle] = ['{"type":"step_finish","part":{"reason":"stop"}}', '{"type":"relay.idle"}'].map(Buffer.from);
    const reader = createReader("m");
    assert.ok(step && idle);
    const succeeded = () => reader.transcript.ending?.ok;
    reader.end?.({ code: 0, signal: null, stderr: "", overrun: undefined, runMs: 1 });
    assert.equal(succeeded(), undefined);
    reader.read(step);
    assert.equal(succeeded(), undefined);
    reader.read(idle);
    assert.equal(succeeded(), true);
  });

  it("drops its output where it is not an object with a type", () => {
    assert.equal(createReader("m").read(Buffer.from("!  agent not found")), undefined);
    assert.equal(textAt(parseObject(Buffer.from("[]")), "type"), undefined);
  });
});
