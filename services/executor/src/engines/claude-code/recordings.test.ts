import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import {
  ERROR_CATEGORIES,
  type ErrorCategory,
  outcomeOf,
  type RunExit,
  type RunOutcome,
  runFailure,
} from "@ccsp/engine-kit";
import { answerOf, type Replayed, replay } from "@ccsp/engine-kit/conformance";
import { CLAUDE_CODE_VERSION, skip } from "@ccsp/testkit";
import { CASES } from "../../../test/recording-cases.js";
import { RULES } from "./rules.js";
import { createTranscriptReader } from "./transcript.js";

const RECORDINGS = new URL("../../../test/recordings/", import.meta.url);
const NOW = Date.UTC(2026, 10, 25, 1, 16, 50);

const replayOf = (version: string, name: string): Replayed => {
  const recording = readFileSync(new URL(`${version}/${name}.jsonl`, RECORDINGS), "utf8");
  return replay(recording, { reader: createTranscriptReader(), rules: RULES });
};

/** No output of the CLI leads to these categories: they belong to the executor or to another engine. */
const NOT_ITS_OWN: readonly ErrorCategory[] = [
  ...(["TIMEOUT", "ENGINE_HANG", "OUT_OF_MEMORY", "OUTPUT_LIMIT", "CANCELLED", "HOOK_FAILED"] as const),
  // A run with a refused tool still ends as a success.
  "PERMISSION_DENIED",
];

describe("recordings of Claude Code", () => {
  it("exist for the version that is installed here: make update-engine makes them", function () {
    if (CLAUDE_CODE_VERSION === "") skip(this, "Claude Code is not installed");
    assert.ok(readdirSync(RECORDINGS).includes(CLAUDE_CODE_VERSION), CLAUDE_CODE_VERSION);
  });
});

for (const version of readdirSync(RECORDINGS)) {
  describe(`recordings of Claude Code ${version}`, () => {
    for (const { name, expects } of CASES) {
      it(`have the expected outcome: ${name}`, () => {
        const { outcome, events, unknown } = replayOf(version, name);
        assert.deepEqual(unknown, [], "lines that are not understood");
        if ("text" in expects && (outcome.ok || outcome.failure.category !== expects.or)) {
          assert.ok(outcome.ok, JSON.stringify(outcome));
          assert.equal(outcome.result.text, expects.text);
          assert.equal(outcome.result.engineVersion, version);
          assert.equal(answerOf(events), expects.text);
        } else if ("category" in expects) {
          assert.ok(!outcome.ok, "succeeded");
          const { retryAfterMs: _later, ...failure } = outcome.failure;
          assert.equal(failure.category, expects.category, failure.message);
          const { retryAfterMs: _usual, ...usual } = runFailure(expects.category, failure.message);
          assert.deepEqual(failure, usual);
        }
      });
    }

    it("have every category that the CLI's output can have", () => {
      const recorded = CASES.flatMap(({ expects }) => ("category" in expects ? [expects.category] : []));
      const own = ERROR_CATEGORIES.filter((category) => !NOT_ITS_OWN.includes(category));
      assert.deepEqual([...new Set(recorded)].toSorted(), own.toSorted());
    });

    it("tell the usage so far after each message, and have told all of the result's by then", () => {
      const { outcome, events } = replayOf(version, "said-before-a-tool");
      const told = events.filter((event) => event.type === "usage");
      assert.deepEqual(
        told.map(({ turns, costUsd }) => [turns, costUsd]),
        [
          [1, undefined],
          [2, undefined],
        ],
      );
      assert.ok(outcome.ok);
      assert.deepEqual(told.at(-1)?.usage, outcome.result.usage);
      assert.equal(told.at(-1)?.model, outcome.result.model);
    });

    it("say when a closed window opens", () => {
      const { outcome } = replayOf(version, "window-closed");
      const afterMs = (!outcome.ok && outcome.failure.retryAfterMs) || 0;
      assert.ok(Math.abs(afterMs - 3_600_000) < 60_000, String(afterMs));
    });

    it("have the cost of a spent budget, and its usage from the counts of each model", () => {
      const { outcome } = replayOf(version, "budget-spent");
      assert.ok(!outcome.ok && (outcome.costUsd ?? 0) > 10);
      assert.equal(outcome.usage?.outputTokens, 700_000);
    });

    it("count the usage of a resumed conversation in this run, not in earlier ones", () => {
      const { outcome } = replayOf(version, "resumed");
      assert.ok(outcome.ok);
      assert.ok(outcome.result.costUsd && outcome.result.costUsd < 0.0002, String(outcome.result.costUsd));
      const used = { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, cacheCreationTokens: 2 };
      assert.deepEqual(outcome.result.usage, used);
    });

    it("have the use of a forbidden tool in the log and the result", () => {
      const { outcome, events } = replayOf(version, "permission-denied");
      assert.ok(outcome.ok);
      const [denial, ...others] = outcome.result.permissionDenials ?? [];
      assert.equal(denial?.tool, "Bash");
      assert.match(denial?.input ?? "", /"command":"touch never"/);
      assert.deepEqual(others, []);
      assert.deepEqual(
        events.filter(({ type }) => type === "notice"),
        [{ type: "notice", category: "PERMISSION_DENIED", message: "Bash was not allowed" }],
      );
    });

    it("show the CLI's error text where no session had begun", () => {
      const { outcome } = replayOf(version, "bad-option");
      assert.match(!outcome.ok ? outcome.failure.message : "", /exit code 1; error: option '--permission-mode/);
    });

    it("have every field of a result", () => {
      const { outcome } = replayOf(version, "success");
      assert.ok(outcome.ok);
      const { conversationId, costUsd, ...rest } = outcome.result;
      assert.match(conversationId, /^[0-9a-f-]{36}$/);
      assert.ok(costUsd && costUsd < 0.001);
      assert.deepEqual(rest, {
        text: "日本語 🎉 done",
        usage: { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, cacheCreationTokens: 2 },
        engineVersion: version,
        model: "claude-sonnet-4-5",
        finishReason: "end_turn",
        turns: 1,
        permissionDenials: [],
        runMs: 1,
        resources: undefined,
        transcript: undefined,
      });
    });
  });
}

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

  it("is NO_WORK_DONE on exit 0 without output, and a crash after some output", () => {
    assert.equal(category(end([init])), "NO_WORK_DONE");
    assert.equal(category(end([init, said])), "ENGINE_CRASH");
    assert.equal(category(end([init], { code: 1 })), "ENGINE_CRASH");
  });

  it("is the exceeded limit, unless the result had come", () => {
    assert.equal(category(end([init, said], { code: 143, overrun: "wall" })), "TIMEOUT");
    assert.equal(category(end([init, said], { code: 143, overrun: "silence" })), "ENGINE_HANG");
    assert.equal(category(end([init, said, result], { code: 143, overrun: "wall" })), "ok");
  });

  it("ignores an invalid count", () => {
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

  it("is USAGE_WINDOW in every wording that older versions had", () => {
    for (const text of [
      "Claude AI usage limit reached|1795573010",
      "5-hour limit reached ∙ resets 5am",
      "You've hit your session limit · resets 12:50am (America/Los_Angeles)",
      "You're out of extra usage · resets 7pm",
    ]) {
      assert.equal(
        category(end([init, { ...result, is_error: true, result: text }], { code: 1 })),
        "USAGE_WINDOW",
        text,
      );
      assert.equal(category(end([init, { ...result, result: text }])), "ok", text);
    }
  });

  describe("counts the usage", () => {
    const message = (id: string, input: number, output: number) => ({
      type: "assistant",
      message: { id, model: "m", usage: { input_tokens: input, output_tokens: output }, content: [] },
    });
    const since = (inputTokens: number, outputTokens: number, costUSD: number) => ({
      ...result,
      model_usage_since_last_result: { m: { inputTokens, outputTokens, costUSD } },
    });
    const nothing = { ...result, is_error: true, total_cost_usd: 0, model_usage_since_last_result: {} };
    const used = (lines: readonly object[]) => {
      const outcome = end([init, ...lines], { code: 1 });
      const { usage, costUsd } = outcome.ok ? outcome.result : outcome;
      return [usage?.inputTokens, usage?.outputTokens, costUsd];
    };
    // The run waits for this work, so its first result is not its end.
    const works = { type: "system", subtype: "background_tasks_changed", tasks: [{}] };

    it("of the messages after a result too, when a run with background work crashes", () => {
      const first = [message("a", 10, 5), works, since(100, 5, 0.5)];
      assert.deepEqual(used(first), [100, 5, 0.5]);
      assert.deepEqual(used([...first, message("b", 20, 30)]), [100, 35, 0.5], "the larger of both for each field");
      assert.deepEqual(used([...first, message("b", 20, 30), since(1, 2, 0.25)]), [101, 7, 0.75], "the results' sums");
    });

    it("of the messages when the result counts nothing, at an unknown cost", () => {
      assert.deepEqual(used([message("a", 10, 5), nothing]), [10, 5, undefined]);
      assert.deepEqual(used([nothing]), [0, 0, 0], "no message had counts");
      assert.deepEqual(used([works, nothing, message("a", 10, 5)]), [10, 5, undefined]);
    });

    it("of the messages of a later turn whose result counts nothing", () => {
      const first = [message("a", 10, 5), works, since(10, 5, 0.5)];
      assert.deepEqual(used([...first, message("b", 20, 30), nothing]), [30, 35, 0.5]);
      assert.deepEqual(used([...first, nothing]), [10, 5, 0.5]);
    });

    it("at a cost of 0 only for tokens that results counted", () => {
      const free = [message("a", 10, 5), works, since(10, 5, 0)];
      assert.deepEqual(used(free), [10, 5, 0]);
      assert.deepEqual(used([...free, message("b", 20, 30)]), [30, 35, undefined]);
    });
  });

  it("is OVERLOADED after the CLI's own retries are used up, if there is no status", () => {
    const text = "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.";
    const failed = { ...result, is_error: true, api_error_status: null, result: text };
    assert.equal(category(end([init, failed], { code: 1 })), "OVERLOADED");
  });
});
