import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { acceptTask, type SpecInput } from "./validate.js";

const limits = { maxPromptBytes: 10, engines: ["claude-code", "opencode"] };
const spec = (more: Partial<SpecInput> = {}): SpecInput => ({
  ...{ prompt: "hi", engine: "", priority: 0, model: "", systemPrompt: "", limits: undefined, labels: {} },
  maxAttempts: 0,
  ...more,
});
const accept = (more: Partial<SpecInput> = {}, agentId = "a@b.c_d-1") =>
  acceptTask({ agentId, requestId: "", spec: spec(more) }, limits);
const wrong = (more: Partial<SpecInput>, agentId?: string): string[] => {
  try {
    accept(more, agentId);
    return [];
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.fields.map(({ field }) => field);
  }
};
const run = { wallTime: undefined, outputBytes: 0n, turns: 0, budgetUsd: 0 };

describe("a request for a task", () => {
  it("gets the defaults: first engine, normal, three attempts", () => {
    const { engine, class: priority, maxAttempts } = accept();
    assert.deepEqual([engine, priority, maxAttempts], ["claude-code", "normal", 3]);
  });

  it("keeps what it names", () => {
    const { engine, class: priority, maxAttempts } = accept({ engine: "opencode", priority: 1, maxAttempts: 10 });
    assert.deepEqual([engine, priority, maxAttempts], ["opencode", "urgent", 10]);
  });

  it("counts a prompt in bytes of UTF-8", () => {
    assert.deepEqual(wrong({ prompt: "あああ" }), []);
    assert.deepEqual(wrong({ prompt: "ああああ" }), ["spec.prompt"]);
  });

  it("may be at each bound, and not past it", () => {
    const day = { ...run, wallTime: { seconds: 86_400n, nanos: 0 }, outputBytes: 67_108_864n };
    assert.deepEqual(wrong({ limits: day, model: "é".repeat(128), systemPrompt: "s".repeat(65_536) }), []);
    const labels = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ""]));
    const past = { ...run, wallTime: { seconds: 86_400n, nanos: 1 }, outputBytes: 67_108_865n };
    const fields = wrong({
      limits: past,
      model: "é".repeat(129),
      systemPrompt: "s".repeat(65_537),
      labels,
      maxAttempts: -1,
    });
    assert.deepEqual(fields, [
      ...["spec.model", "spec.system_prompt", "spec.max_attempts", "spec.labels"],
      ...["spec.limits.wall_time", "spec.limits.output_bytes"],
    ]);
  });

  it("has an owner whose name cannot be mistaken for two", () => {
    for (const name of ["", "a/b", "a b", "a\n", "é", "a".repeat(129)])
      assert.deepEqual(wrong({}, name), ["agent_id"], name);
  });
});
