import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { openConversationFolder } from "../src/conversations/conversation-folder.js";

describe("copies of conversations on disk", () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), "ccsp-copies-test-"));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  const open = ({ bytes = 100, keptMs = 60_000 } = {}) =>
    openConversationFolder({ path: join(path, "copies"), bytes, keptMs, log: pino({ level: "silent" }) });
  const copy = (engineId: string, fence: bigint) => ({ engine: "e", engineId, fence });
  const find = async (copies: Awaited<ReturnType<typeof open>>, engineId: string) => {
    const bytes = await copies.find({ engine: "e", engineId });
    return bytes && Buffer.from(bytes).toString();
  };

  it("count once they are confirmed, for their owner only, whatever their ids are", async () => {
    const copies = await open();
    const id = "../../etc/passwd";
    assert.ok(await copies.put(copy(id, 1n), Buffer.from("one")));
    assert.equal(await find(copies, id), undefined);
    await copies.confirm(copy(id, 1n));
    assert.equal(await find(copies, id), "one");
    assert.equal(await find(copies, "other"), undefined);
    const [file = ""] = await readdir(join(path, "copies"));
    assert.match(file, /^[0-9a-f]{40}-1$/);
    assert.equal((await stat(join(path, "copies", file))).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, "copies"))).mode & 0o777, 0o700);
    assert.equal(await find(await open(), id), "one", "is forgotten by the next boot");
  });

  it("are one for each conversation, that of the newest lease", async () => {
    const copies = await open();
    for (const fence of [9n, 10n]) await copies.put(copy("a", fence), Buffer.from(String(fence)));
    await copies.confirm(copy("a", 10n));
    await copies.confirm(copy("a", 9n));
    assert.equal(await find(copies, "a"), "10");
    assert.equal((await readdir(join(path, "copies"))).length, 1);
  });

  it("are all forgotten when nobody knows which is the newest: a lease was lost, a crash came before the answer", async () => {
    const copies = await open();
    const begin = async (fence: bigint) => {
      await copies.put(copy("a", fence), Buffer.from(String(fence)));
      return copy("a", fence);
    };
    await copies.confirm(await begin(1n));
    await copies.forget(await begin(2n));
    assert.equal(await find(copies, "a"), undefined);
    await copies.confirm(await begin(3n));
    await begin(4n);
    assert.equal(await find(await open(), "a"), undefined);
    assert.deepEqual(await readdir(join(path, "copies")), []);
  });

  it("do not count when they could not be written, and hide no older one then: the queue has what is newest", async () => {
    const copies = await open();
    await copies.put(copy("a", 1n), Buffer.from("one"));
    await copies.confirm(copy("a", 1n));
    const [one = ""] = await readdir(join(path, "copies"));
    // A folder in its place fails the writing, as a full disk would.
    await mkdir(join(path, "copies", one.replace(/1$/, "2.pending"), "in-the-way"), { recursive: true });
    assert.equal(await copies.put(copy("a", 2n), Buffer.from("two")), false);
    await copies.confirm(copy("a", 2n));
    assert.equal(await find(copies, "a"), undefined);
    assert.deepEqual(
      await readdir(join(path, "copies")),
      [one.replace(/1$/, "2.pending")],
      "what was not written counts",
    );
  });

  it("are bounded in bytes, the oldest go first, and in age", async () => {
    const copies = await open({ bytes: 10 });
    for (const id of ["a", "b", "c"]) {
      await copies.put(copy(id, 1n), Buffer.from("12345"));
      await copies.confirm(copy(id, 1n));
    }
    assert.deepEqual([await find(copies, "a"), await find(copies, "c")], [undefined, "12345"]);
    assert.equal(await copies.put(copy("d", 1n), Buffer.alloc(11)), false);

    await writeFile(join(path, "copies", `${"0".repeat(40)}-1`), "old");
    await utimes(join(path, "copies", `${"0".repeat(40)}-1`), 1, 1);
    await open();
    assert.ok(!(await readdir(join(path, "copies"))).includes(`${"0".repeat(40)}-1`));
  });
});
