import assert from "node:assert/strict";
import { buffer } from "node:stream/consumers";
import * as fc from "fast-check";
import { namedModels, RefusedBody } from "./named-models.js";

interface Seen {
  readonly names: readonly string[];
  readonly refused: boolean;
}

/** What is seen of a body that comes in pieces of `size` bytes. */
async function seenIn(body: Buffer, size = body.length): Promise<Seen> {
  const names: string[] = [];
  const check = namedModels((model) => names.push(model) > 0);
  const passed = buffer(check).catch((error: unknown) => {
    if (error instanceof RefusedBody) return undefined;
    throw error;
  });
  for (let at = 0; at < body.length && !check.destroyed; at += size) check.write(body.subarray(at, at + size));
  if (!check.destroyed) check.end();
  const out = await passed;
  assert.ok(out === undefined || out.equals(body), "it changed the body");
  return { names, refused: out === undefined };
}

type Json = null | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What has to be seen: each text that is a `model`, but not in content. */
function expected(body: Json): Seen {
  const names: string[] = [];
  /** Returns whether it is refused. */
  const look = (value: Json): boolean => {
    if (value === null || typeof value !== "object") return false;
    if (Array.isArray(value)) return value.some((each: Json) => look(each));
    return Object.entries(value).some(([written, each]) => {
      const key = written.toLowerCase();
      if (key === "model" && typeof each === "string") names.push(each);
      if (key === "model") return each !== null && typeof each === "object";
      return !["messages", "input_schema"].includes(key) && look(each);
    });
  };
  const refused = look(body);
  return { names, refused: refused || names.length === 0 };
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
  const key = fc.oneof(
    fc.constantFrom("model", "Model", "tools", "messages", "input_schema", '"model":"x'),
    fc.string(),
  );
  const text = fc.oneof(fc.constantFrom("model", "\\", "{", "é🧵", "]", '"'), fc.string());
  const { json } = fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      text,
      fc.integer(),
      fc.constant(null),
      fc.array(tie("json"), { maxLength: 4 }),
      fc.dictionary(key, tie("json"), { maxKeys: 4, noNullPrototype: true }),
    ),
  }));

  it("are those of any JSON that are no content, in any form and in any pieces", async () => {
    const forms = fc.record({
      escapes: fc.boolean(),
      space: fc.constantFrom("", " \n\t"),
      size: fc.integer({ min: 1, max: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(json, forms, async (value, { escapes, space, size }) => {
        assert.deepEqual(await seenIn(Buffer.from(written(value, escapes, space)), size), expected(value));
      }),
      { numRuns: 1_000 },
    );
  });

  it("are both where one is written twice", async () => {
    assert.deepEqual((await seenIn(Buffer.from('{"model":"a","mod\\u0065l":"b"}'))).names, ["a", "b"]);
  });

  it("are not what is longer than a name", async () => {
    const long = JSON.stringify({ ["k".repeat(9_999)]: 1, model: "a".repeat(9_999) });
    assert.deepEqual(await seenIn(Buffer.from(long)), { names: [""], refused: false });
  });

  it("cannot be read in another encoding, nor in keys that are no JSON, which is refused", async () => {
    for (const body of [Buffer.from('{"model":"a"}', "utf16le"), Buffer.from('{"model":"a","mode\\l":"b"}')])
      assert.equal((await seenIn(body)).refused, true);
  });
});
