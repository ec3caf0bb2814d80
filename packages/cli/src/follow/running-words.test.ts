import assert from "node:assert/strict";
import type { RunUsage } from "@ccsp/client";
import { runningLine } from "./running-words.js";

const usage = (more: Partial<RunUsage> = {}): RunUsage => ({
  type: "usage",
  sequence: 1,
  attempt: 1,
  turns: 3,
  toolUses: 5,
  usage: { inputTokens: 1_000, outputTokens: 200, cacheReadTokens: 30, cacheCreationTokens: 4 },
  costUsd: 0.0123,
  model: "claude-opus-5",
  ...more,
});
const running = { engine: "claude-code", model: "claude-opus-5", tools: 5, usage: usage(), elapsedMs: 72_900 };

describe("the line about a run", () => {
  it("has the engine, its model, turns, tools, cost and time", () => {
    assert.equal(
      runningLine(running, 200),
      "claude-code (claude-opus-5) · turn 3 · 5 tools · $0.0123 so far · 1 min 12 s",
    );
  });

  it("shows tokens while the cost is not known, and nothing that is not known", () => {
    assert.equal(
      runningLine({ ...running, tools: 1, usage: usage({ costUsd: undefined }) }, 200),
      "claude-code (claude-opus-5) · turn 3 · 1 tool · 1,234 tokens so far · 1 min 12 s",
    );
    assert.equal(
      runningLine({ engine: "command", model: "", tools: 0, usage: undefined, elapsedMs: 2_000 }, 200),
      "command · 2 s",
    );
  });

  it("keeps the engine and the time when the terminal is narrow", () => {
    assert.equal(runningLine(running, 60), "claude-code · turn 3 · 5 tools · $0.0123 so far · 1 min 12 s");
    assert.equal(runningLine(running, 40), "claude-code · turn 3 · 1 min 12 s");
    assert.equal(runningLine(running, 20), "claude-code · 1 min 12 s");
  });
});
