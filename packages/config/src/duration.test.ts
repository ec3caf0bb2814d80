import assert from "node:assert/strict";
import { assert as always, nat, property } from "fast-check";
import { formatDuration, parseDuration } from "./duration.js";

describe("a duration", () => {
  it("is a number with a unit", () => {
    const written = ["0s", "500ms", "30s", "5m", "2h", "7d", "1.5s", "0.0004s"];
    assert.deepEqual(written.map(parseDuration), [0, 500, 30_000, 300_000, 7_200_000, 604_800_000, 1_500, 0]);
  });

  it("is not any other text", () => {
    for (const text of ["", "30", "s", ".5s", "1.s", "-1s", "1 s", "1w", "1S", "1s ", "9007199254740992h"]) {
      assert.equal(parseDuration(text), undefined, text);
    }
  });

  it("survives being written and read again", () => {
    always(property(nat(), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
  });
});
