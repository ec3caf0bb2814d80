import assert from "node:assert/strict";
import { PermissionMode, Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { cacheKey } from "./cache-key.js";

const spec = (more: Parameters<typeof TaskSpec.fromPartial>[0] = {}): TaskSpec =>
  TaskSpec.fromPartial({ prompt: "hello", engine: "claude-code", cache: {}, ...more });
const key = (more?: Parameters<typeof TaskSpec.fromPartial>[0]) => cacheKey("alice", spec(more));

describe("a cache key", () => {
  it("exists only for tasks that opted in and are not a turn of a conversation", () => {
    assert.equal(key({ cache: undefined }), undefined);
    assert.equal(key({ conversation: { id: "c-1" } }), undefined);
    assert.equal(key({ conversation: {} }), undefined);
    assert.match(key() ?? "", /^[A-Za-z0-9_-]{43}$/);
  });

  it("is the same for any time, place and retry setting of the task", () => {
    const times = { startTime: new Date(1), startDeadline: new Date(2), maxAttempts: 5, priority: Priority.HIGH };
    assert.equal(key({ ...times, labels: { a: "b" }, cache: { maxAge: { seconds: 5n } } }), key());
    assert.equal(key({ affinity: { executorId: "ex" }, retry: { neverOn: [1] } }), key());
  });

  it("differs for every field that affects the run, and for the owner", () => {
    const keys = [
      key(),
      { prompt: "hello " },
      { engine: "other" },
      { model: "m" },
      { systemPrompt: "s" },
      { fallbackModels: ["m"] },
      { attachments: [{ name: "a", content: Buffer.from("1") }] },
      { attachments: [{ name: "a", content: Buffer.from("2") }] },
      { includeFiles: ["/a"] },
      { workingFolder: "/a" },
      { allowedTools: ["Read"] },
      { deniedTools: ["Read"] },
      { permissionMode: PermissionMode.PLAN },
      { limits: { turns: 1 } },
      { limits: { turns: 2 } },
    ].map((each) => (typeof each === "object" ? key(each) : each));
    keys.push(cacheKey("bob", spec()), cacheKey("", spec()));
    assert.equal(new Set(keys).size, keys.length);
    // The text of a prompt must not be mistaken for the text of a system prompt.
    assert.notEqual(key({ prompt: "ab", systemPrompt: "c" }), key({ prompt: "a", systemPrompt: "bc" }));
  });
});
