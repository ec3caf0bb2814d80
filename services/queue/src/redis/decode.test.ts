import assert from "node:assert/strict";
import { decodeEntry, decodeTask } from "./decode.js";

const stored = (error: object) => JSON.stringify({ agent: "a", engine: "e", state: "FAILED", error });

describe("a stored failure", () => {
  const error = { category: "RATE_LIMIT", message: "m", retryable: true, source: "PROVIDER", retryAfterMs: 5 };
  const later = { ...error, category: "OUT_OF_LUCK", source: "NEIGHBOUR" };

  it("is read as it was written, and with an unknown category when a later release wrote one that is not known here", () => {
    assert.deepEqual(decodeTask("0-x", stored(error)).error, error);
    for (const word of ["UNRECOGNIZED", "toString", "1", "OUT_OF_LUCK"]) {
      const read = decodeTask("0-x", stored({ ...later, category: word, source: word })).error;
      assert.deepEqual(read, { ...error, category: "UNKNOWN_ERROR", source: "UNSPECIFIED" }, word);
    }
  });

  it("is read in the same way in an entry of the log", () => {
    const fields = { time: "1", attempt: "1", state: "PARKED", note: JSON.stringify({ reason: "r", error: later }) };
    const { content } = decodeEntry([
      Buffer.from("0-4"),
      Object.entries(fields)
        .flat()
        .map((text) => Buffer.from(text)),
    ]);
    assert.deepEqual(content.kind === "state" && content.note.error?.category, "UNKNOWN_ERROR");
  });
});
