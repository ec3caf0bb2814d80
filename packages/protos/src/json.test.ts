import assert from "node:assert/strict";
import { toDuration } from "./duration.js";
import { fromStoredJson } from "./from-json.js";
import { TaskCompleted } from "./gen/ccsp/event/v1/event.js";
import { ErrorCategory, Task, TaskResult, TaskState } from "./gen/ccsp/task/v1/task.js";
import { WindowSignal, WindowState } from "./gen/ccsp/usage/v1/window.js";
import { toJson, toStoredJson } from "./json.js";
import { messageSchemas } from "./json-schema.js";

const TASK = "ccsp.task.v1.Task";

describe("The JSON form of messages", () => {
  it("has zeros and empty lists, and leaves out what is absent", () => {
    assert.deepEqual(toJson("ccsp.task.v1.TaskResult", TaskResult.fromPartial({})), {
      text: "",
      conversationId: "",
      engine: "",
      engineVersion: "",
      model: "",
      turns: 0,
      executorId: "",
      cached: false,
      permissionDenials: [],
      notKept: [],
    });
  });

  it("writes enums by their short names, times in UTC, durations in seconds, bytes in base64 and wrapped values bare", () => {
    const task = Task.fromPartial({
      id: "0-x",
      state: TaskState.QUEUED,
      createTime: new Date("2026-01-31T09:00:00.500Z"),
      spec: { labels: { a: "b" }, limits: { wallTime: toDuration(3_500) } },
      error: { category: ErrorCategory.RATE_LIMIT, retryAfter: toDuration(-1) },
      result: { costUsd: 0, runTime: toDuration(60_000) },
    });
    task.spec?.attachments.push({ name: "f", content: Buffer.of(1, 2, 255) });
    const json = JSON.parse(JSON.stringify(toJson(TASK, task)));
    assert.equal(json.state, "QUEUED");
    assert.equal(json.createTime, "2026-01-31T09:00:00.500Z");
    assert.deepEqual(
      [json.spec.limits.wallTime, json.error.retryAfter, json.result.runTime],
      ["3.5s", "-0.001s", "60s"],
    );
    assert.equal(json.error.category, "RATE_LIMIT");
    assert.deepEqual(json.spec.attachments, [{ name: "f", content: "AQL/" }]);
    assert.deepEqual([json.result.costUsd, json.spec.labels], [0, { a: "b" }]);
    assert.equal("endTime" in json, false);
  });

  it("writes a 64-bit integer as a number when that is exact, else as text, and an unknown enum as its number", () => {
    const usage = { inputTokens: 5n, outputTokens: 2n ** 53n, cacheReadTokens: 0n, cacheCreationTokens: -1n };
    assert.deepEqual(toJson("ccsp.task.v1.Usage", usage), {
      inputTokens: 5,
      outputTokens: "9007199254740992",
      cacheReadTokens: 0,
      cacheCreationTokens: -1,
    });
    assert.equal(Object(toJson(TASK, { ...Task.fromPartial({}), state: 99 })).state, 99);
  });

  it("writes the chosen field of a oneof under its own name", () => {
    const event = { sequence: 1, attempt: 1, time: undefined, event: { $case: "toolUse", value: { name: "Bash" } } };
    assert.deepEqual(toJson("ccsp.task.v1.TaskEvent", event), { sequence: 1, attempt: 1, toolUse: { name: "Bash" } });
  });

  it("is described by schemas of the message and of all messages in it", () => {
    const schemas = JSON.parse(JSON.stringify(messageSchemas([TASK])));
    const [task, result] = [schemas[TASK], schemas["ccsp.task.v1.TaskResult"]];
    assert.deepEqual(task.properties.spec, { $ref: "#/$defs/ccsp.task.v1.TaskSpec" });
    for (const name of ["RetryPolicy", "Usage", "Attachment"]) assert.ok(schemas[`ccsp.task.v1.${name}`], name);
    assert.ok(task.required.includes("attempt") && !task.required.includes("result"));
    assert.deepEqual(result.properties.costUsd.anyOf[0], { type: "number" });
  });
});

describe("The JSON form that is stored", () => {
  const COMPLETED = "ccsp.event.v1.TaskCompleted";

  it("is what release 0.3.0 wrote: whole names of enums, long integers as texts, durations as objects, and of defaults only those of optional fields", () => {
    const windows = [WindowSignal.fromPartial({ state: WindowState.OPEN, usedShare: 0, resetTime: new Date(5_000) })];
    const usage = { inputTokens: 5n, cacheReadTokens: 0n };
    const event = TaskCompleted.fromPartial({
      usage,
      costUsd: 0,
      runTime: toDuration(1_500),
      labels: { a: "" },
      windows,
    });
    const stored = {
      usage: { inputTokens: "5" },
      costUsd: 0,
      runTime: { seconds: "1", nanos: 500_000_000 },
      labels: { a: "" },
      windows: [{ state: "WINDOW_STATE_OPEN", resetTime: "1970-01-01T00:00:05.000Z", usedShare: 0 }],
    };
    assert.deepEqual(toStoredJson(COMPLETED, event), stored);
    assert.deepEqual(fromStoredJson(COMPLETED, stored), event);
  });

  it("is written from a part of a message, and is then read as the whole one", () => {
    const stored = toStoredJson(COMPLETED, { model: "m" });
    assert.deepEqual(stored, { model: "m" });
    assert.deepEqual(fromStoredJson(COMPLETED, stored), TaskCompleted.fromPartial({ model: "m" }));
  });

  it("may be of a newer release: its fields are skipped, and its values of an enum are reported", () => {
    const told: string[] = [];
    const error = { category: "ERROR_CATEGORY_ENNUI", source: 77, mood: 1, message: "cut \ud83d" };
    const read = fromStoredJson("ccsp.task.v1.TaskError", error, (...unknown) => told.push(unknown.join(" ")));
    assert.deepEqual([Object(read).category, Object(read).source, Object(read).message], [-1, -1, "cut \ud83d"]);
    assert.deepEqual(told, ["category ERROR_CATEGORY_ENNUI", "source 77"]);
  });

  it("is read without the fields whose values do not fit, and each of them is reported", () => {
    const rest = { model: "m", subject: "s" };
    const DECIDED = "ccsp.event.v1.AdaptationDecided";
    const rows: [typeName: string, stored: object, same: object, told: string[]][] = [
      [COMPLETED, { engine: 5 }, {}, ["engine is not a text"]],
      [COMPLETED, { engine: true }, {}, ["engine is not a text"]],
      [COMPLETED, { engine: null, labels: null, runTime: null }, {}, []],
      [
        COMPLETED,
        { labels: { a: 1, b: false, c: null, d: "" } },
        { labels: { d: "" } },
        ["a", "b", "c"].map((key) => `labels["${key}"] is not a text`),
      ],
      [COMPLETED, { labels: [] }, {}, ["labels is not a JSON object"]],
      [COMPLETED, { windows: {} }, {}, ["windows is not a JSON list"]],
      [COMPLETED, { windows: [5, { name: "w" }] }, { windows: [{ name: "w" }] }, ["windows[0] is not a JSON object"]],
      [COMPLETED, { usage: [] }, {}, ["usage is not a JSON object"]],
      [
        COMPLETED,
        { usage: { inputTokens: 2 ** 60, outputTokens: "", cacheReadTokens: "7" } },
        { usage: { cacheReadTokens: "7" } },
        ["input", "output"].map((kind) => {
          const wrong = "is not a whole number of 64 bits, larger ones than 2^53 as a text";
          return `usage.${kind}_tokens ${wrong}`;
        }),
      ],
      [COMPLETED, { attempt: 1.5 }, {}, ["attempt is not a whole number from -2147483648 to 2147483647"]],
      [COMPLETED, { costUsd: "" }, {}, ["cost_usd is not a number"]],
      [DECIDED, { dryRun: 1, before: "" }, {}, ["dry_run is not true or false", "before is not a number"]],
      [
        COMPLETED,
        { windows: [{ name: "w", resetTime: { seconds: 5 } }] },
        { windows: [{ name: "w" }] },
        ["windows[0].reset_time is not a time of RFC 3339, such as 2026-01-31T12:00:00Z"],
      ],
      [
        COMPLETED,
        { windows: [{ resetTime: "2026-12-01" }] },
        { windows: [{ resetTime: "2026-12-01T00:00:00.000Z" }] },
        [],
      ],
      [COMPLETED, { runTime: 5 }, {}, ["run_time is not a duration, such as 3.5s"]],
      [COMPLETED, { runTime: "1s", run_time: "2s" }, { runTime: "1s" }, ["run_time is there twice"]],
    ];
    for (const [typeName, stored, same, expected] of rows) {
      const told: string[] = [];
      const read = fromStoredJson(typeName, { ...stored, ...rest }, (...unread) => told.push(unread.join(" ")));
      assert.deepEqual(read, fromStoredJson(typeName, { ...same, ...rest }), JSON.stringify(stored));
      assert.deepEqual(told, expected);
    }
    assert.equal(Object(fromStoredJson(COMPLETED, { engine: 5, ...rest })).model, "m");
  });

  it("is a message without fields when it is not a JSON object", () => {
    for (const stored of [[], 5, null, "text"]) {
      const told: string[] = [];
      const read = fromStoredJson(COMPLETED, stored, (...unread) => told.push(unread.join(" ")));
      assert.deepEqual(read, TaskCompleted.fromPartial({}));
      assert.deepEqual(told, ["the body is not a JSON object"]);
    }
  });
});
