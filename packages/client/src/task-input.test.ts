import assert from "node:assert/strict";
import { ErrorCategory, PermissionMode, Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { InvalidTaskError } from "./errors.js";
import { type TaskInput, toSpec } from "./task-input.js";

function faultsOf(input: unknown): Record<string, string> {
  let faults: Record<string, string> = {};
  // A program without types can pass such an input.
  const untyped: TaskInput = JSON.parse(JSON.stringify(input));
  assert.throws(
    () => toSpec(untyped),
    (error) => {
      assert.ok(error instanceof InvalidTaskError);
      assert.equal(error.reason, "INVALID_FIELD");
      for (const { field } of error.fields) assert.ok(error.message.includes(field));
      faults = Object.fromEntries(error.fields.map(({ field, description }) => [field, description]));
      return true;
    },
  );
  return faults;
}

const categories = Object.keys(ErrorCategory).filter((name) => /^[A-Z]/.test(name) && !/^UN(SPEC|RECOG)/.test(name));

describe("toSpec", () => {
  it("translates every field", () => {
    const spec = toSpec({
      prompt: "hello",
      engine: "claude-code",
      priority: "urgent",
      model: "m",
      fallbackModels: ["n"],
      systemPrompt: "be brief",
      labels: { team: "a" },
      limits: { wallTimeMs: 90_500, outputBytes: 1024, turns: 3, budgetUsd: 0.5 },
      maxAttempts: 2,
      retry: { firstBackoffMs: 500, maxBackoffMs: 60_000, neverOn: ["TIMEOUT"] },
      startTime: new Date(1_000),
      startDeadline: new Date(2_000),
      affinity: { executorId: "e1", fallbackAfterMs: 1_000 },
      cache: { maxAgeMs: 2_000 },
      conversation: { id: "c1", fork: true },
      attachments: [{ name: "a.txt", content: "häl" }],
      includeFiles: ["/srv/a"],
      workingFolder: "/srv/work",
      availableTools: ["Read", "Bash"],
      allowedTools: ["Read"],
      deniedTools: ["Bash"],
      permissionMode: "accept-edits",
    });
    assert.deepEqual(spec, {
      prompt: "hello",
      engine: "claude-code",
      priority: Priority.URGENT,
      model: "m",
      fallbackModels: ["n"],
      systemPrompt: "be brief",
      labels: { team: "a" },
      limits: { wallTime: { seconds: 90n, nanos: 500_000_000 }, outputBytes: 1024n, turns: 3, budgetUsd: 0.5 },
      maxAttempts: 2,
      retry: {
        firstBackoff: { seconds: 0n, nanos: 500_000_000 },
        maxBackoff: { seconds: 60n, nanos: 0 },
        neverOn: [ErrorCategory.TIMEOUT],
      },
      startTime: new Date(1_000),
      startDeadline: new Date(2_000),
      affinity: { executorId: "e1", fallbackAfter: { seconds: 1n, nanos: 0 } },
      cache: { maxAge: { seconds: 2n, nanos: 0 } },
      conversation: { id: "c1", fork: true },
      attachments: [{ name: "a.txt", content: Buffer.from("häl") }],
      includeFiles: ["/srv/a"],
      workingFolder: "/srv/work",
      availableTools: ["Read", "Bash"],
      allowedTools: ["Read"],
      deniedTools: ["Bash"],
      permissionMode: PermissionMode.ACCEPT_EDITS,
    });
  });

  it("reads the name for a permission mode from earlier releases, and offers today's", () => {
    assert.equal(toSpec({ prompt: "x", permissionMode: "acceptEdits" }).permissionMode, PermissionMode.ACCEPT_EDITS);
    assert.deepEqual(faultsOf({ prompt: "x", permissionMode: "bypassPermissions" }), {
      "spec.permission_mode": "permissionMode is not one of plan, default, manual, accept-edits, skip",
    });
  });

  it("leaves fields that are not given to the server", () => {
    const spec = toSpec({ prompt: "hello" });
    assert.equal(spec.priority, Priority.UNSPECIFIED);
    assert.equal(spec.limits, undefined);
    assert.equal(spec.maxAttempts, 0);
  });

  it("sends unusual values for the server to check: empty, negative, unknown", () => {
    const spec = toSpec({ prompt: "", engine: "gpt-42", limits: { wallTimeMs: -1_500, turns: -1 } });
    assert.equal(spec.prompt, "");
    assert.deepEqual(spec.limits?.wallTime, { seconds: -1n, nanos: -500_000_000 });
    assert.equal(spec.limits?.turns, -1);
  });

  it("refuses a limit of 0 itself, because a gateway of 0.2.0 takes it for no bound", () => {
    const limits = { wallTimeMs: 0, outputBytes: 0, turns: 0, budgetUsd: 0 };
    assert.deepEqual(faultsOf({ prompt: "x", limits }), {
      "spec.limits.wall_time": "limits.wallTimeMs is 0: leave it out for the default of the installation",
      "spec.limits.output_bytes": "limits.outputBytes is 0: leave it out for the default of the installation",
      "spec.limits.turns": "limits.turns is 0: leave it out for the default of the installation",
      "spec.limits.budget_usd": "limits.budgetUsd is 0: leave it out for the default of the installation",
    });
  });

  it("names all fields of a wrong type together, by their names in the API", () => {
    const faults = faultsOf({
      prompt: 42,
      engine: ["x"],
      priority: "soon",
      systemPrompt: {},
      labels: { a: 1 },
      limits: { wallTimeMs: "5", outputBytes: 1.5, budgetUsd: null },
      maxAttempts: 1e12,
      retry: { neverOn: ["LATE"] },
      startTime: "tomorrow",
      conversation: { fork: 1 },
      attachments: [{ name: "a", content: 1 }],
      allowedTools: "Read",
    });
    assert.deepEqual(faults, {
      "spec.prompt": "prompt is not a string but a number",
      "spec.engine": "engine is not a string but an array",
      "spec.priority": "priority is not one of urgent, high, normal, low",
      "spec.system_prompt": "systemPrompt is not a string but an object",
      "spec.labels": 'labels has a value under "a" that is not a string but a number',
      "spec.max_attempts": "maxAttempts is larger than any limit",
      "spec.limits.wall_time": "limits.wallTimeMs is not a number but a string",
      "spec.limits.output_bytes": "limits.outputBytes is not a whole number",
      "spec.limits.budget_usd": "limits.budgetUsd is not a number but null",
      "spec.retry.never_on": `retry.neverOn has an item 0 that is not one of ${categories.join(", ")}`,
      "spec.start_time": "startTime is not a Date but a string",
      "spec.conversation.fork": "conversation.fork is not true or false but a number",
      "spec.attachments.content": "attachments[0].content is not a string but a number",
      "spec.allowed_tools": "allowedTools is not an array but a string",
    });
  });

  it("refuses a value that is not a task, has no prompt, or has a misspelt field", () => {
    assert.deepEqual(faultsOf("hello"), { spec: "the task is not an object but a string" });
    assert.deepEqual(faultsOf({}), { "spec.prompt": "prompt is missing" });
    assert.deepEqual(faultsOf({ prompt: "x", piority: "low", toString: 1, limits: { turn: 1 } }), {
      "spec.piority": "piority is not a field of a task",
      "spec.toString": "toString is not a field of a task",
      "spec.limits.turn": "limits.turn is not a field of a task",
    });
  });
});
