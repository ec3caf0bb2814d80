import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { Dimension, UsageFilter } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { filterOf, groupingOf } from "./messages.js";

describe("a grouping of usage", () => {
  const refused = (messages: readonly Dimension[]) => {
    try {
      return groupingOf(messages, []);
    } catch (error) {
      assert.ok(error instanceof Refusal);
      return error.fields.map(({ field }) => field);
    }
  };

  it("names each dimension that is not known or is there twice", () => {
    assert.deepEqual(groupingOf([Dimension.AGENT, Dimension.LABEL], []), ["agent", "label"]);
    assert.deepEqual(refused([Dimension.AGENT, 77 as Dimension, Dimension.AGENT]), ["group_by[1]", "group_by[2]"]);
  });

  it("is refused with one fault when it has more dimensions than there are, so that a long list takes no memory", () => {
    assert.deepEqual(refused(Array(100_000).fill(77)), ["group_by"]);
  });
});

describe("a filter of usage", () => {
  it("is refused with a text that nothing that is counted has, because forecasts are kept by their filter", () => {
    const filter = (given: object) => () => filterOf(UsageFilter.fromPartial(given));
    const long = "x".repeat(257);
    assert.deepEqual(filter({ label: long.slice(1), agentId: "a" })(), { label: long.slice(1), agent: "a" });
    assert.throws(filter({ agentId: long, model: long }), {
      reason: "INVALID_FIELD",
      message: /^filter\.agent_id must have at most 256 characters; filter\.model must have/,
    });
  });
});
