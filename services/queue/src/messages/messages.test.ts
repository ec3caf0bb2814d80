import assert from "node:assert/strict";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ErrorCategory, ErrorSource, Priority, TaskError, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { EMERGENCY_LEVELS } from "../domain/emergency/emergency.js";
import { labelName } from "../domain/task/labels.js";
import { CLASSES, type Task } from "../domain/task/task.js";
import { toLevel } from "./emergency-message.js";
import { moveData } from "./event-data.js";
import { failureOf, toTaskError } from "./failure.js";
import { loadSpec, modelOf, storeSpec } from "./task-message.js";
import { priorityOf } from "./words.js";

describe("the names in the domain", () => {
  it("are the names of the contract: for classes, and for levels of an emergency stop", () => {
    for (const name of CLASSES) assert.equal(Priority[priorityOf(name)], name.toUpperCase());
    for (const level of EMERGENCY_LEVELS) {
      assert.equal(EmergencyLevel[toLevel(level)], level.toUpperCase().replace("-", "_"));
    }
  });
});

const spec = (more: Partial<TaskSpec> = {}): TaskSpec => ({ ...TaskSpec.fromPartial({ prompt: "日本 🎉" }), ...more });

describe("the data of an event", () => {
  it("has a task's labels, and only the first of many long ones, since the stream has no limit in bytes", () => {
    const read = (count: number, length: number) => {
      const labels = Array.from({ length: count }, (_, i) => labelName(`key-${i}`, "v".repeat(length)));
      const data = moveData({ type: "failed" }, { labels });
      assert.ok(data.length < 3_000, `${data.length}`);
      return Object.keys(JSON.parse(`{${data.slice(1)}}`).labels);
    };
    assert.equal(read(32, 40).length, 32);
    assert.deepEqual(read(32, 256), ["key-0", "key-1", "key-2", "key-3", "key-4", "key-5", "key-6"]);
  });
});

describe("a stored spec", () => {
  it("is complete again with its prompts, and has no prompt without them", () => {
    const whole = spec({ systemPrompt: "s", engine: "e", labels: { a: "1" }, maxAttempts: 2, priority: Priority.HIGH });
    const { spec: stored, prompts } = storeSpec(whole);
    const task = { spec: stored, class: "high" } as Task;
    assert.deepEqual(loadSpec(task, prompts), whole);
    assert.deepEqual(loadSpec(task, undefined), { ...whole, prompt: "", systemPrompt: "" });
  });

  it("has a readable model, or none when it cannot be read", () => {
    assert.equal(modelOf(storeSpec(spec({ model: "m" })).spec), "m");
    assert.equal(modelOf(Buffer.from([0xff]).toString("base64")), "");
  });

  it("has one hash for one payload, whatever the order of its labels", () => {
    const hash = (more: Partial<TaskSpec>) => storeSpec(spec(more), "r").request?.hash;
    assert.equal(hash({ labels: { a: "1", b: "2" } }), hash({ labels: { b: "2", a: "1" } }));
    assert.notEqual(hash({ labels: { a: "1" } }), hash({ labels: { a: "2" } }));
    assert.notEqual(hash({ prompt: "x" }), hash({ systemPrompt: "x" }));
  });
});

describe("a failure", () => {
  it("survives its storage", () => {
    const error: TaskError = {
      category: ErrorCategory.USAGE_WINDOW,
      message: "closed",
      retryable: true,
      source: ErrorSource.PROVIDER,
      retryAfter: { seconds: 61n, nanos: 500_000_000 },
    };
    assert.deepEqual(toTaskError(failureOf(error)), error);
  });

  it("of a category that this version does not know is UNKNOWN_ERROR", () => {
    for (const category of [0, 999 as ErrorCategory]) {
      assert.equal(failureOf(TaskError.fromPartial({ category })).category, "UNKNOWN_ERROR");
    }
  });

  it("can be shown again, with any time in it", () => {
    for (const seconds of [2n ** 63n - 1n, -(2n ** 63n)]) {
      const error = TaskError.fromPartial({ message: "m", retryAfter: { seconds, nanos: 0 } });
      assert.ok(TaskError.encode(toTaskError(failureOf(error))).finish().byteLength > 0);
    }
  });

  it("has a message of at most 2 KiB, cut at a character", () => {
    const { message } = failureOf(TaskError.fromPartial({ message: "語".repeat(1_000) }));
    assert.equal(message, "語".repeat(682));
  });
});
