import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { namedModels, RefusedBody } from "./named-models.js";

/** The models that a body names, which comes in pieces of `size` bytes. */
async function namesIn(body: Buffer, size = body.length): Promise<readonly string[]> {
  const names: string[] = [];
  const check = namedModels((model) => names.push(model) > 0);
  for (let at = 0; at < body.length; at += size) check.write(body.subarray(at, at + size));
  check.end();
  assert.ok((await buffer(check)).equals(body), "it changed the body");
  return names;
}

type Json = null | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What it has to see: each text that is a `model`, in the body, in its lists and in what these have. */
function namesOf(value: Json, depth = 0): readonly string[] {
  if (value === null || typeof value !== "object" || depth >= 3) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    typeof each === "string" ? (key === "model" && !Array.isArray(value) ? [each] : []) : namesOf(each, depth + 1),
  );
}

/** The same in JSON, with the escapes and the spaces that it allows. */
const written = (value: Json, escapes: boolean, space: string): string => {
  if (typeof value === "string") {
    const all = Array.from({ length: value.length }, (_, n) => value.charCodeAt(n).toString(16).padStart(4, "0"));
    return escapes ? `"${all.map((code) => `\\u${code}`).join("")}"` : JSON.stringify(value);
  }
  if (value === null || typeof value === "number") return JSON.stringify(value);
  const inside = Array.isArray(value)
    ? value.map((each: Json) => written(each, escapes, space))
    : Object.entries(value).map((pair) =>
        pair.map((each: Json) => written(each, escapes, space)).join(`${space}:${space}`),
      );
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return `${open}${space}${inside.join(`${space},${space}`)}${space}${close}`;
};

describe("the models that a request names", () => {
  const text = fc.oneof(fc.constantFrom("model", "tools", '"model":"x', "\\", "{", "é🧵", "]"), fc.string());
  const { json } = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 6 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie("json"), { maxLength: 4 }),
      fc.dictionary(text, tie("json"), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));

  it("are those of any JSON, in any form and in any pieces", async () => {
    const forms = fc.record({
      escapes: fc.boolean(),
      space: fc.constantFrom("", " \n\t"),
      size: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(json, forms, async (value, { escapes, space, size }) => {
        const body = Buffer.from(written(value, escapes, space));
        assert.deepEqual(await namesIn(body, size), namesOf(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it("are both where one is written twice", async () => {
    assert.deepEqual(await namesIn(Buffer.from('{"model":"a","mod\\u0065l":"b"}')), ["a", "b"]);
  });

  it("are not what is longer than a name, and it is not held", async () => {
    const long = Buffer.from(JSON.stringify({ model: "a".repeat(9_999), ["k".repeat(9_999)]: 1 }));
    const [name = ""] = await namesIn(long);
    assert.ok(name.length > 1_000 && name.length < 2_000);
  });

  it("cannot be read in another encoding, which is refused", async () => {
    const check = namedModels(() => true);
    check.end(Buffer.from('{"model":"a"}', "utf16le"));
    await assert.rejects(buffer(check), RefusedBody);
  });
});
