import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createFileChannel, type FileChannel } from "../src/channels/file-channel.js";
import type { Delivery } from "../src/domain/notification.js";
import { fromJsonLine } from "../src/message.js";

const delivery = (id: string): Delivery => ({
  id,
  eventType: "task.completed",
  eventTime: new Date(1_000),
  taskId: "t",
  agentId: "エージェント",
  summary: "two\nlines 🙂",
  channel: "file",
  deliveryTime: new Date(2_000),
});

describe("file channel", () => {
  let dir: string;
  let path: string;
  let channels: FileChannel[];
  const open = (): FileChannel => {
    const channel = createFileChannel(path);
    channels.push(channel);
    return channel;
  };
  const read = async (file = path) => (await readFile(file, "utf8")).trimEnd().split("\n").map(fromJsonLine);
  const ids = async (file = path) => (await read(file)).map(({ id }) => id);

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-file-channel-"));
    path = join(dir, "deep", "notifications.jsonl");
    channels = [];
  });
  afterEach(async () => {
    await Promise.all(channels.map((channel) => channel.close()));
    await rm(dir, { recursive: true });
  });

  it("creates folder and file for their owner only, and writes lines that can be read again", async () => {
    await open().deliver(delivery("1"));
    assert.deepEqual(await read(), [delivery("1")]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(dir, "deep"))).mode & 0o777, 0o700);
  });

  it("makes an existing file private", async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "", { mode: 0o644 });
    await open().deliver(delivery("1"));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it("appends to an existing file, in the order of the calls", async () => {
    await open().deliver(delivery("0"));
    const second = open();
    await Promise.all(["1", "2", "3"].map((id) => second.deliver(delivery(id))));
    assert.deepEqual(await ids(), ["0", "1", "2", "3"]);
  });

  it("writes whole lines when several write to one file", async () => {
    const names = Array.from({ length: 150 }, (_, at) => String(at));
    const writers = [open(), open(), open()];
    const writes = writers.map((writer, at) =>
      Promise.all(names.slice(at * 50, at * 50 + 50).map((id) => writer.deliver(delivery(id)))),
    );
    await Promise.all(writes);
    assert.deepEqual((await ids()).sort(), [...names].sort());
  });

  it("continues in a new file when the old one was renamed or removed", async () => {
    const channel = open();
    await channel.deliver(delivery("1"));
    await rename(path, `${path}.1`);
    await channel.deliver(delivery("2"));
    assert.deepEqual([await ids(`${path}.1`), await ids()], [["1"], ["2"]]);
    await rm(join(dir, "deep"), { recursive: true });
    await channel.deliver(delivery("3"));
    assert.deepEqual(await ids(), ["3"]);
  });

  it("rejects while the file cannot be opened, and delivers afterwards", async () => {
    const channel = open();
    await channel.deliver(delivery("1"));
    await rename(path, `${path}.1`);
    await mkdir(path);
    await assert.rejects(channel.deliver(delivery("2")), { code: "EISDIR" });
    await rmdir(path);
    await channel.deliver(delivery("2"));
    assert.deepEqual(await ids(), ["2"]);
  });
});
