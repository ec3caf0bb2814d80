import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { openConversationFolder } from "../src/conversations/conversation-folder.js";

describe("copies of conversations on disk", () => {
  let path: string;
  const opened: Awaited<ReturnType<typeof openConversationFolder>>[] = [];
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), "ccsp-copies-test-"));
  });
  afterEach(async () => {
    for (const copies of opened.splice(0)) await copies.close();
    await rm(path, { recursive: true, force: true });
  });

  const open = async ({ bytes = 100, keptMs = 60_000 } = {}) => {
    const log = pino({ level: "silent" });
    const copies = await openConversationFolder({ path: join(path, "copies"), bytes, keptMs, log });
    opened.push(copies);
    return copies;
  };
  const copy = (engineId: string, fence: bigint) => ({ engine: "e", engineId, fence });
  const find = async (copies: Awaited<ReturnType<typeof open>>, engineId: string, fence: bigint) => {
    const bytes = await copies.find({ engine: "e", engineId, fence });
    return bytes && Buffer.from(bytes).toString();
  };

  it("exist as soon as they are put, for their own turn, private, with any id", async () => {
    const copies = await open();
    const id = "../../etc/passwd";
    assert.ok(await copies.put(copy(id, 1n), Buffer.from("one")));
    assert.equal(await find(copies, id, 1n), "one");
    assert.equal(await find(copies, id, 2n), undefined, "an older turn is taken for a later one");
    assert.equal(await find(copies, "other", 1n), undefined);
    const [file = ""] = await readdir(join(path, "copies"));
    assert.match(file, /^[0-9a-f]{40}-1$/);
    assert.equal((await stat(join(path, "copies", file))).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, "copies"))).mode & 0o777, 0o700);
    assert.equal(await find(await open(), id, 1n), "one", "is forgotten by the next boot");
  });

  it("are one for each conversation once the queue counts it: that of the newest lease", async () => {
    const copies = await open();
    for (const fence of [8n, 9n, 10n]) await copies.put(copy("a", fence), Buffer.from(String(fence)));
    await copies.counted(copy("a", 9n));
    assert.equal((await readdir(join(path, "copies"))).length, 2, "one that is not counted yet is forgotten");
    await copies.counted(copy("a", 10n));
    await copies.put(copy("a", 7n), Buffer.from("7"));
    await copies.counted(copy("a", 7n));
    assert.equal(await find(copies, "a", 10n), "10");
    assert.equal(await find(copies, "a", 0n), "10", "for a queue that does not name the turn");
    assert.equal((await readdir(join(path, "copies"))).length, 1);
  });

  it("survive a crash before the queue's answer, but partly written copies do not", async () => {
    const copies = await open();
    await copies.put(copy("a", 1n), Buffer.from("1"));
    await copies.put(copy("a", 2n), Buffer.from("2"));
    const [one = ""] = await readdir(join(path, "copies"));
    await writeFile(join(path, "copies", one.replace(/\d$/, "3.pending")), "ha");
    const next = await open();
    assert.deepEqual([await find(next, "a", 1n), await find(next, "a", 2n)], ["1", "2"]);
    assert.equal(await find(next, "a", 3n), undefined);
    assert.equal((await readdir(join(path, "copies"))).length, 2);
  });

  it("do not exist when they could not be written, and an older copy is not used instead", async () => {
    const copies = await open();
    await copies.put(copy("a", 1n), Buffer.from("one"));
    const [one = ""] = await readdir(join(path, "copies"));
    // A folder with the file's name makes the write fail. A full disk would do the same.
    await mkdir(join(path, "copies", one.replace(/1$/, "2"), "in-the-way"), { recursive: true });
    assert.equal(await copies.put(copy("a", 2n), Buffer.from("two")), false);
    assert.equal(await find(copies, "a", 2n), undefined);
    await copies.counted(copy("a", 2n));
    assert.deepEqual(
      await readdir(join(path, "copies")),
      [one.replace(/1$/, "2")],
      "a copy that no task needs is kept",
    );
  });

  it("are limited in bytes (the oldest go first) and in age", async () => {
    const copies = await open({ bytes: 10 });
    for (const id of ["a", "b", "c"]) {
      await copies.put(copy(id, 1n), Buffer.from("12345"));
      await copies.counted(copy(id, 1n));
    }
    assert.deepEqual([await find(copies, "a", 1n), await find(copies, "c", 1n)], [undefined, "12345"]);
    assert.equal(await copies.put(copy("d", 1n), Buffer.alloc(11)), false);

    await writeFile(join(path, "copies", `${"0".repeat(40)}-1`), "old");
    await utimes(join(path, "copies", `${"0".repeat(40)}-1`), 1, 1);
    await open();
    assert.ok(!(await readdir(join(path, "copies"))).includes(`${"0".repeat(40)}-1`));
  });
});
