import assert from "node:assert/strict";
import { createRunTail, type RunTail, TAIL_BYTES } from "./run-tail.js";

const forEver = new AbortController().signal;

/** Reads what is there by now. */
async function nextOf(parts: ReturnType<RunTail["follow"]>) {
  const { value, done } = await parts.next();
  return done ? "end" : value;
}

describe("the tail of a run", () => {
  it("keeps the end of what was written, in whole characters, within its bytes", () => {
    const tail = createRunTail();
    assert.equal(tail.last(), "");
    for (let i = 0; i < 10_000; i++) tail.add("añ€😀");
    const last = tail.last();
    assert.equal(Buffer.from(last).toString(), last);
    assert.ok("añ€😀".repeat(10_000).endsWith(last));
    const bytes = Buffer.byteLength(last);
    assert.ok(bytes <= TAIL_BYTES && bytes > TAIL_BYTES - 4, `${bytes} bytes`);
  });

  it("is followed from its end on, without loss for who reads in time, to the end of the run", async () => {
    const tail = createRunTail();
    tail.add("before");
    const parts = tail.follow(forEver);
    assert.deepEqual(await nextOf(parts), { text: "before", gap: false });
    const waited = nextOf(parts);
    tail.add("one");
    assert.deepEqual(await waited, { text: "one", gap: false });
    tail.add("two");
    tail.add("three");
    tail.end();
    assert.deepEqual(await nextOf(parts), { text: "twothree", gap: false });
    assert.equal(await nextOf(parts), "end");
  });

  it("tells a slow reader of the gap, and goes on with the newest", async () => {
    const tail = createRunTail();
    const parts = tail.follow(forEver);
    await nextOf(parts);
    for (let i = 0; i < 100_000; i++) tail.add("😀");
    tail.add("newest");
    const part = await nextOf(parts);
    assert.ok(part !== "end" && part.gap && part.text.endsWith("😀newest"));
    assert.equal(Buffer.from(part.text).toString(), part.text);
    tail.add("more");
    assert.deepEqual(await nextOf(parts), { text: "more", gap: false });
  });

  it("is not followed any longer than its reader wants", async () => {
    const reader = new AbortController();
    const parts = createRunTail().follow(reader.signal);
    await nextOf(parts);
    const waited = nextOf(parts);
    reader.abort();
    assert.equal(await waited, "end");
  });
});
