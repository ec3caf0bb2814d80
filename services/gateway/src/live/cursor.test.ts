import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { cursorOf, positionOf } from "./cursor.js";

describe("the cursor of a subscription", () => {
  const position = ["1795987953810-0", "0-0", "1795987953810-4711"];

  it("is short, and gives the position back", () => {
    assert.equal(cursorOf(position), "mx2cuu8i-0.0-0.mx2cuu8i-3mv");
    assert.deepEqual(positionOf(cursorOf(position), 3), position);
  });

  it("tells nothing when the number of partitions has changed since", () => {
    assert.equal(positionOf(cursorOf(position), 1), undefined);
    assert.equal(positionOf(cursorOf(position), 4), undefined);
  });

  it("is refused when it is not one", () => {
    for (const text of ["", "1", "-", "1-", "1--1", "1-1.", "A-0", "1-1 ", "zzzzzzzzzzz-0", "1-1.".repeat(64) + "1-1"])
      assert.throws(
        () => positionOf(text, 1),
        (error) => error instanceof Refusal && error.reason === "INVALID_FIELD",
        text,
      );
  });
});
