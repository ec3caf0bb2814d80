import assert from "node:assert/strict";
import { createLogger } from "./logger.js";

describe("the logger", () => {
  /** Logs `fields` and returns the written line. */
  function logged(fields: object): { line: string; json: Record<string, unknown> } {
    let line = "";
    const stream = { write: (text: string) => void (line += text) };
    createLogger({ name: "queue", level: "info", instance: "queue-1", stream }).info(fields, "task stored");
    return { line, json: JSON.parse(line) };
  }

  it("writes one JSON line with level, time, service and instance", () => {
    const { json } = logged({ task: "t1" });
    const { time, ...rest } = json;
    assert.deepEqual(rest, { level: "info", service: "queue", instance: "queue-1", task: "t1", msg: "task stored" });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it("has no trace fields where no span is active", () => {
    assert.ok(!("trace_id" in logged({}).json));
  });

  // Written out again on purpose: a field that is removed from the logger's own list must fail here.
  const hidden = [
    "prompt",
    "systemPrompt",
    "text",
    "token",
    "authorization",
    "Authorization",
    "secret",
    "password",
    "apiKey",
    "api_key",
    "x-api-key",
  ];
  for (const field of hidden) {
    it(`hides ${field} in the logged object and in objects and lists inside it`, () => {
      const private_ = { [field]: "PRIVATE" };
      const { line } = logged({
        ...private_,
        task: { ...private_, spec: private_ },
        list: [private_, { a: private_ }],
      });
      assert.doesNotMatch(line, /PRIVATE/);
      assert.equal(line.split("[hidden]").length - 1, 5);
    });
  }

  it("hides secrets in the properties of an error", () => {
    const error = Object.assign(new Error("refused"), { request: { headers: { authorization: "PRIVATE" } } });
    const { line } = logged({ err: error });
    assert.doesNotMatch(line, /PRIVATE/);
    assert.match(line, /refused/);
  });

  it("does not change the logged objects", () => {
    const task = { prompt: "PRIVATE" };
    logged({ task });
    assert.equal(task.prompt, "PRIVATE");
  });
});
