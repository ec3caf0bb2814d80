import assert from "node:assert/strict";
import { EVENT_TYPES } from "@ccsp/events";
import { accessOf } from "@ccsp/protos/access.js";
import { TOPIC_NAMES, TOPICS } from "./topics.js";

describe("the topics", () => {
  it("show each kind of event once", () => {
    for (const name of Object.values(EVENT_TYPES)) {
      const showing = TOPIC_NAMES.filter((topic) => TOPICS[topic].events.some((kind) => name.startsWith(kind)));
      assert.equal(showing.length, 1, `${name}: ${showing.join(", ")}`);
    }
  });

  it("need the scopes of RPCs that exist", () => {
    for (const { rpcs } of Object.values(TOPICS)) for (const rpc of rpcs) assert.ok(accessOf(rpc), rpc);
  });
});
