import assert from "node:assert/strict";
import type { EngineEvent } from "@ccsp/engine-kit";
import { answerOf } from "@ccsp/engine-kit/conformance";
import { array, boolean, assert as check, nat, property, record, string } from "fast-check";
import { Answer } from "./answer.js";

const textsOf = (events: readonly EngineEvent[]) =>
  events.flatMap((event) => (event.type === "text" ? event.text : []));

/** Cuts a text at the places in `cuts`. */
function pieces(text: string, cuts: readonly number[]): string[] {
  const ends = [...new Set([...cuts.map((cut) => cut % (text.length + 1)), text.length])].toSorted((a, b) => a - b);
  return ends.map((end, i) => text.slice(ends[i - 1] ?? 0, end));
}

describe("an answer of OpenCode", () => {
  it("is reported once when a new part repeats the beginning of the interrupted one", () => {
    const answer = new Answer();
    const events = [
      ...answer.add({ message: "m", part: "1" }, "half a "),
      ...answer.add({ message: "m", part: "2" }, "ha"),
      ...answer.add({ message: "m", part: "2" }, "lf a PO"),
      ...answer.complete({ message: "m", part: "2" }, "half a PONG"),
    ];
    assert.deepEqual(textsOf(events), ["half a", " PO", "NG"]);
    assert.equal(answerOf(events), answer.text());
  });

  it("is taken back and reported again when the new part begins differently", () => {
    const answer = new Answer();
    const events = [
      ...answer.complete({ message: "m", part: "1" }, "First. "),
      ...answer.add({ message: "m", part: "2" }, "half a PI"),
      ...answer.add({ message: "m", part: "3" }, "half a PO"),
    ];
    assert.deepEqual(events.slice(2), [
      { type: "taken-back", message: 1 },
      { type: "text", text: "First. half a PO", message: 2 },
    ]);
  });

  it("equals the text of its events, whichever part is interrupted, in pieces of any size", () => {
    const text = string({ unit: "grapheme-ascii", maxLength: 12 });
    const part = record({
      text,
      broken: boolean(),
      alike: boolean(),
      cuts: array(nat(), { maxLength: 4 }),
      next: boolean(),
    });
    check(
      property(array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        const answer = new Answer();
        const events: EngineEvent[] = [];
        let message = 0;
        let before = "";
        for (const [i, { text: own, broken, alike, cuts, next }] of parts.entries()) {
          if (next) [message, before] = [message + 1, ""];
          const ids = { message: `m${message}`, part: `p${i}` };
          const said = alike ? before + own : own;
          for (const piece of pieces(said, cuts)) events.push(...answer.add(ids, piece));
          before = broken ? said : "";
          // OpenCode removes white space at the end of a whole part.
          if (!broken) events.push(...answer.complete(ids, said.trimEnd()));
        }
        const last = { message: `m${message}`, part: "last" };
        events.push(...answer.complete(last, "the end"));
        assert.equal(answerOf(events), answer.text());
      }),
    );
  });
});
