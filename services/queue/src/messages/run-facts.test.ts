import assert from "node:assert/strict";
import { TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { WindowSignal, WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { fromStoredJson } from "@ccsp/protos/from-json.js";
import { cachedFacts, failFacts, resultFacts } from "./run-facts.js";

describe("the facts of a run in its event", () => {
  it("hold the first 8 valid windows, and leave out what no reader could use", () => {
    const window = (name: string, fields: Parameters<typeof WindowSignal.fromPartial>[0] = {}) =>
      WindowSignal.fromPartial({ name, state: WindowState.OPEN, ...fields });
    const strange = [
      window(""),
      window("a b"),
      window("x".repeat(65)),
      window("t", { resetTime: new Date(Number.NaN) }),
    ];
    const many = Array.from({ length: 10 }, (_, n) => window(`w${n}`, { resetTime: new Date(n), usedShare: n / 10 }));
    const { event } = failFacts({ usage: undefined, windows: [...strange, ...many] });
    const read = fromStoredJson("ccsp.event.v1.TaskFailed", JSON.parse(JSON.stringify(event)));
    assert.deepEqual(Object(read).windows, many.slice(0, 8));
  });

  it("name the model that ran for a failure too, cut to 256 bytes, and none if it is not known", () => {
    const modelOf = (model: string) => Object(failFacts({ usage: undefined, windows: [], model }).event)["model"];
    assert.equal(modelOf("claude-sonnet-4-6"), "claude-sonnet-4-6");
    assert.equal(modelOf("m".repeat(300))?.length, 256);
    assert.equal(modelOf(""), undefined);
  });

  it("give a model one name, whether its run failed, succeeded or was cached: visible, and at most 256 bytes", () => {
    const namesOf = (model: string) => {
      const result = TaskResult.fromPartial({ model });
      const facts = [failFacts({ usage: undefined, windows: [], model }), resultFacts(result, []), cachedFacts(result)];
      return facts.map(({ event }) => Object(event)["model"]);
    };
    const three = (name: string) => [name, name, name];
    assert.deepEqual(namesOf("claude-opus-4-8[1m]"), three("claude-opus-4-8[1m]"));
    assert.deepEqual(namesOf("a\u001b[31m\n\tb"), three(String.raw`a\u{1b}[31m\u{a}\u{9}b`));
    assert.deepEqual(namesOf("é".repeat(200)), three("é".repeat(128)));
    assert.deepEqual(namesOf(""), [undefined, undefined, undefined]);
  });

  it("hold no member for windows that the run did not report", () => {
    assert.deepEqual(failFacts({ usage: undefined, windows: [] }), { event: {} });
  });
});
