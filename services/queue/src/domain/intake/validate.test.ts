import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { acceptSpec, conditionsOf, type SpecInput } from "./validate.js";

const limits = { maxPromptBytes: 10, engines: ["claude-code", "opencode"] };
const spec = (more: Partial<SpecInput>): SpecInput => ({ ...TaskSpec.fromPartial({ prompt: "hi" }), ...more });
const accept = (more: Partial<SpecInput> = {}, agentId = "a@b.c_d-1") =>
  acceptSpec({ agentId, requestId: "", spec: spec(more) }, limits);
const wrong = (more: Partial<SpecInput>, agentId?: string): string[] => {
  try {
    accept(more, agentId);
    return [];
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.fields.map(({ field }) => field);
  }
};
const seconds = (seconds: number, nanos = 0) => ({ seconds: BigInt(seconds), nanos });
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
const file = (name: string, bytes = 1) => ({ name, content: Buffer.alloc(bytes) });
const LIMITS = ["wall_time", "output_bytes", "turns", "budget_usd"].map((name) => `spec.limits.${name}`);

// Does not compile when the contract has a field that no code checks.
const CHECKED: [Exclude<keyof TaskSpec, keyof SpecInput>] extends [never] ? true : never = true;

describe("a request for a task", () => {
  it("has every field checked", () => assert.ok(CHECKED));

  it("gets the defaults: first engine, three attempts", () => {
    const { engine, maxAttempts } = accept();
    assert.deepEqual([engine, maxAttempts], ["claude-code", 3]);
  });

  it("keeps the given values", () => {
    const { engine, priority, maxAttempts } = accept({ engine: "opencode", priority: 1, maxAttempts: 10 });
    assert.deepEqual([engine, priority, maxAttempts], ["opencode", 1, 10]);
  });

  it("counts a prompt in bytes of UTF-8", () => {
    assert.deepEqual(wrong({ prompt: "あああ" }), []);
    assert.deepEqual(wrong({ prompt: "ああああ" }), ["spec.prompt"]);
  });

  it("accepts only printable names: none that control a terminal, a log or the direction of writing", () => {
    for (const bad of ["a\u001b[2J", "a\r\nb", "a\u009b", "a\u202eb", "a\u0000"]) {
      const texts = { model: bad, fallbackModels: [bad], labels: { ok: bad }, allowedTools: [bad], deniedTools: [bad] };
      const files = { workingFolder: `/${bad}`, includeFiles: [`/${bad}`] };
      assert.deepEqual(wrong({ ...texts, ...files, conversation: { id: bad, fork: false } }), [
        "spec.model",
        "spec.fallback_models[0]",
        "spec.labels[ok]",
        "spec.conversation.id",
        "spec.include_files[0]",
        "spec.working_folder",
        "spec.allowed_tools[0]",
        "spec.denied_tools[0]",
      ]);
    }
    const names = { model: "modèle 日本", labels: { ok: "שלום 🙂" }, allowedTools: ["Bash(git log:*)"] };
    assert.deepEqual(wrong({ ...names, prompt: "a\u001b\r\n", systemPrompt: "\u202e" }), []);
  });

  it("is refused with a limit of 0 or less, which would read as nothing and mean no bound", () => {
    const none = { wallTime: seconds(0), outputBytes: 0n, turns: 0, budgetUsd: 0 };
    assert.deepEqual(wrong({ limits: none }), LIMITS);
    const less = { wallTime: seconds(-1), outputBytes: -1n, turns: -1, budgetUsd: -0.5 };
    assert.deepEqual(wrong({ limits: less }), LIMITS);
    for (const budgetUsd of [-0, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.deepEqual(wrong({ limits: { wallTime: undefined, budgetUsd } }), ["spec.limits.budget_usd"]);
    }
    const least = { wallTime: seconds(0, 1), outputBytes: 1n, turns: 1, budgetUsd: 0.001 };
    assert.deepEqual(wrong({ limits: least }), []);
    assert.deepEqual(wrong({ limits: { wallTime: undefined } }), []);
  });

  it("may be at each limit, and not above it", () => {
    const day = { wallTime: { seconds: 86_400n, nanos: 0 }, outputBytes: 11_534_336n };
    assert.deepEqual(wrong({ limits: day, model: "é".repeat(128), systemPrompt: "s".repeat(65_536) }), []);
    const labels = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, ""]));
    const past = { wallTime: { seconds: 86_400n, nanos: 1 }, outputBytes: 11_534_337n };
    const fields = wrong({
      limits: past,
      model: "é".repeat(129),
      systemPrompt: "s".repeat(65_537),
      labels,
      maxAttempts: -1,
    });
    assert.deepEqual(fields, [
      "spec.system_prompt",
      "spec.model",
      "spec.max_attempts",
      "spec.labels",
      "spec.limits.wall_time",
      "spec.limits.output_bytes",
    ]);
  });

  for (const [what, good, bad] of [
    ["a start within a year", { startTime: inDays(364) }, { startTime: inDays(368) }],
    [
      "times of a calendar that all clients know",
      { startTime: new Date("0001-01-01T00:00:00Z"), startDeadline: new Date("9999-12-31T23:59:59.999Z") },
      { startTime: new Date("-000001-12-31T23:59:59Z"), startDeadline: new Date("+010000-01-01T00:00:00Z") },
    ],
    ["a valid start time", { startTime: new Date(0) }, { startTime: new Date(Number.NaN) }],
    ["a valid deadline", { startDeadline: inDays(1) }, { startDeadline: new Date(Number.NaN) }],
    ["a deadline from year 1 on", { startDeadline: new Date(1) }, { startDeadline: new Date(-8.64e15) }],
    ["a deadline up to year 9999", { startDeadline: inDays(9_999) }, { startDeadline: new Date(8.64e15) }],
    [
      "a deadline after its start",
      { startTime: inDays(1), startDeadline: inDays(2) },
      { startTime: inDays(1), startDeadline: inDays(1) },
    ],
    [
      "waits between runs that are neither too short nor too long",
      { retry: { firstBackoff: seconds(3600), maxBackoff: seconds(86_400), neverOn: [1] } },
      { retry: { firstBackoff: seconds(3601), maxBackoff: seconds(86_400, 1), neverOn: [0] } },
    ],
    [
      "a longest wait of at least the first",
      { retry: { firstBackoff: seconds(2), maxBackoff: seconds(2), neverOn: [] } },
      { retry: { firstBackoff: seconds(2), maxBackoff: seconds(1), neverOn: [] } },
    ],
    [
      "an executor to wait for, for a day",
      { affinity: { executorId: "ex-1", fallbackAfter: seconds(86_400) } },
      { affinity: { executorId: "a/b", fallbackAfter: seconds(86_401) } },
    ],
    ["a greatest age of answers", { cache: { maxAge: seconds(0) } }, { cache: { maxAge: seconds(-1) } }],
    ["fallback models", { fallbackModels: Array(8).fill("m") }, { fallbackModels: ["", ...Array(8).fill("m")] }],
    [
      "a conversation to continue",
      { conversation: { id: "c-1", fork: true } },
      { conversation: { id: "", fork: true } },
    ],
    [
      "files whose names are safe and used once",
      { attachments: [file("a.txt"), file("b", 4 * 1024 * 1024 - 1)] },
      { attachments: [file(".a"), file("a/b"), file("c"), file("c", 4 * 1024 * 1024)] },
    ],
    [
      "absolute paths",
      { includeFiles: ["/a/b"], workingFolder: "/w" },
      { includeFiles: ["a/b", "/a\0"], workingFolder: "w" },
    ],
    [
      "tools by name",
      { availableTools: Array(64).fill("Read"), allowedTools: Array(64).fill("Read"), deniedTools: ["Bash(rm:*)"] },
      { availableTools: ["x".repeat(257)], allowedTools: Array(65).fill("Read"), deniedTools: ["", "x".repeat(257)] },
    ],
    ["a permission mode", { permissionMode: 4 }, { permissionMode: 5 }],
  ] as const satisfies readonly (readonly [string, Partial<SpecInput>, Partial<SpecInput>])[]) {
    it(`may name ${what}`, () => {
      assert.deepEqual(wrong(good), []);
      const fields = wrong(bad).map((field) => field.replace(/^spec\.(\w+).*$/, "$1"));
      const asked = Object.keys(bad).map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
      assert.notDeepEqual(fields, []);
      assert.deepEqual(
        fields.filter((field) => !asked.includes(field)),
        [],
      );
    });
  }

  it("is refused with few faults when its lists are long, so that such a request takes no memory", () => {
    const texts: string[] = Array(100_000).fill("");
    const attachments = Array(100_000).fill(file("a/b", 0));
    const labels = Object.fromEntries(texts.map((_, i) => [`${i} `, "\u0000"]));
    const lists = { fallbackModels: texts, availableTools: texts, allowedTools: texts, deniedTools: texts };
    const fields = wrong({ ...lists, attachments, labels, includeFiles: texts });
    for (const field of ["fallback_models", "available_tools", "attachments", "labels", "include_files"])
      assert.ok(fields.includes(`spec.${field}`), `${field} is named`);
    assert.ok(fields.length < 500, `${fields.length} faults`);
  });

  it("names each wrong file, path and tool by its index", () => {
    assert.deepEqual(wrong({ attachments: [file("a"), file("b/c"), file("a")], includeFiles: ["/a", "b"] }), [
      "spec.attachments[1].name",
      "spec.attachments[2].name",
      "spec.include_files[1]",
    ]);
  });

  it("has a deadline and an executor for its start, in ms", () => {
    const startDeadline = inDays(2);
    const affinity = { executorId: "ex-1", fallbackAfter: seconds(1, 5_000_000) };
    const conditions = conditionsOf(accept({ startDeadline, affinity }));
    assert.deepEqual(conditions, { deadline: startDeadline.getTime(), pin: "ex-1", pinMs: 1_005 });
    assert.equal(conditionsOf(accept()), undefined);
  });

  it("has an owner that cannot be confused with another", () => {
    for (const name of ["", "a/b", "a b", "a\n", "é", "a".repeat(129)])
      assert.deepEqual(wrong({}, name), ["agent_id"], name);
  });
});
