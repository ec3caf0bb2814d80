import assert from "node:assert/strict";
import { createRandom } from "@ccsp/e2e-kit/random.js";
import { liveInput } from "./live-input.js";

const WORDS = { ids: ["1"], topics: ["tasks"], taskIds: ["t"], agentIds: ["a"], cursors: ["0-0"], tokens: ["x"] };

describe("the hostile inputs of the WebSocket", () => {
  const inputs = (seed: string) => {
    const random = createRandom(seed);
    return Array.from({ length: 300 }, () => liveInput(random, WORDS));
  };

  it("are the same for the same seed", () => {
    assert.deepEqual(inputs("7"), inputs("7"));
    assert.notDeepEqual(inputs("7"), inputs("8"));
  });

  it("are mostly one whole frame of text, masked, with a message that names an act", () => {
    const messages = inputs("7").filter(({ bytes }) => bytes[0] === 0x81 && bytes.includes('{"op":"'));
    assert.ok(messages.length > 150 && messages.length < 290, String(messages.length));
    assert.ok(messages.some(({ bytes }) => bytes.includes('"op":"subscribe"')));
  });
});
