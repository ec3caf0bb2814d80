import assert from "node:assert/strict";
import { createRunTail, type RunTail, TAIL_BYTES } from "./run-tail.js";

const text = (said: string, message = 1) => ({ type: "text", text: said, message }) as const;
const forEver = new AbortController().signal;

/** Reads the next part, which is available by now. */
async function nextOf(parts: ReturnType<RunTail["follow"]>) {
  const { value, done } = await parts.next();
  return done ? "end" : value;
}

describe("the tail of a run", () => {
  it("keeps the end of the output, in whole characters, within its bytes", () => {
    const tail = createRunTail();
    assert.equal(tail.last(), "");
    for (let i = 0; i < 10_000; i++) tail.add(text("añ€😀"));
    const last = tail.last();
    assert.equal(Buffer.from(last).toString(), last);
    assert.ok("añ€😀".repeat(10_000).endsWith(last));
    const bytes = Buffer.byteLength(last);
    assert.ok(bytes <= TAIL_BYTES && bytes > TAIL_BYTES - 4, `${bytes} bytes`);
  });

  it("keeps messages apart, and marks a withdrawn message", () => {
    const tail = createRunTail();
    for (const said of ["Let me ", "look."]) tail.add(text(said));
    tail.add({ type: "tool", name: "Bash" });
    tail.add(text("half a ", 2));
    tail.add({ type: "taken-back", message: 2 });
    tail.add(text("half a PONG", 3));
    assert.equal(tail.last(), "Let me look.\n\nhalf a \n[taken back]\n\nhalf a PONG");
  });

  it("is followed from its end, without loss for a fast reader, to the end of the run", async () => {
    const tail = createRunTail();
    tail.add(text("before"));
    const parts = tail.follow(forEver);
    assert.deepEqual(await nextOf(parts), { text: "before", gap: false });
    const waited = nextOf(parts);
    tail.add(text("one"));
    assert.deepEqual(await waited, { text: "one", gap: false });
    tail.add(text("two"));
    tail.add(text("three"));
    tail.end();
    assert.deepEqual(await nextOf(parts), { text: "twothree", gap: false });
    assert.equal(await nextOf(parts), "end");
  });

  it("reports a gap to a slow reader, and continues with the newest text", async () => {
    const tail = createRunTail();
    const parts = tail.follow(forEver);
    await nextOf(parts);
    for (let i = 0; i < 100_000; i++) tail.add(text("😀"));
    tail.add(text("newest"));
    const part = await nextOf(parts);
    assert.ok(part !== "end" && part.gap && part.text.endsWith("😀newest"));
    assert.equal(Buffer.from(part.text).toString(), part.text);
    tail.add(text("more"));
    assert.deepEqual(await nextOf(parts), { text: "more", gap: false });
  });

  it("is followed no longer than its reader wants", async () => {
    const reader = new AbortController();
    const parts = createRunTail().follow(reader.signal);
    await nextOf(parts);
    const waited = nextOf(parts);
    reader.abort();
    assert.equal(await waited, "end");
  });
});
