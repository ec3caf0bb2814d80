import assert from "node:assert/strict";
import { EmergencyLevel } from "./gen/ccsp/queue/v1/emergency.js";
import { wordOf, wordsOf } from "./words.js";

describe("The words of an enum", () => {
  const words = wordsOf(EmergencyLevel);

  it("are its names in small letters, in the order of the proto", () => {
    assert.deepEqual(Object.entries(words), [
      ["no-submit", EmergencyLevel.NO_SUBMIT],
      ["no-start", EmergencyLevel.NO_START],
      ["park-running", EmergencyLevel.PARK_RUNNING],
      ["kill", EmergencyLevel.KILL],
    ]);
  });

  it("are found by their values, and there is none for a value that is not specified or of a newer version", () => {
    assert.equal(wordOf(words, EmergencyLevel.PARK_RUNNING), "park-running");
    for (const value of [EmergencyLevel.UNSPECIFIED, EmergencyLevel.UNRECOGNIZED, 99])
      assert.equal(wordOf(words, value), undefined);
  });
});
