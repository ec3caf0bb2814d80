import assert from "node:assert/strict";
import * as fc from "fast-check";
import { hugePieces, hugeText, pieces, words } from "./text.js";

describe("simulator text", () => {
  it("is cut into pieces and words that join to the same text, never inside a character", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 9 }), (whole, length) => {
        for (const parts of [[...pieces(whole, length)], words(whole)]) {
          assert.equal(parts.join(""), whole);
          for (const part of parts) assert.equal(Buffer.from(part).toString("utf8"), part);
        }
      }),
    );
  });

  it("has exactly the size asked for, however it is cut", () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.integer({ min: 1, max: 999 }), (bytes, piece) => {
        assert.equal(Buffer.byteLength(hugeText(bytes)), bytes);
        assert.equal([...hugePieces(bytes, piece)].join(""), hugeText(bytes));
      }),
    );
  });
});
