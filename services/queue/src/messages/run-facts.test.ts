import assert from "node:assert/strict";
import { WindowSignal, WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { fromStoredJson } from "@ccsp/protos/from-json.js";
import { failFacts } from "./run-facts.js";

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

  it("hold no member for windows that the run did not tell of", () => {
    assert.deepEqual(failFacts({ usage: undefined, windows: [] }), { event: {} });
  });
});
