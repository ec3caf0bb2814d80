import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createFileChannel } from "../src/channels/file/file-channel.js";
import type { Channel, Message } from "../src/domain/channel.js";
import { bareNotice, type Delivered } from "../src/domain/notice.js";
import { fromJsonLine } from "../src/text/json-line.js";

const message = (id: string): Message => ({
  id,
  notice: bareNotice({
    id,
    kind: "task.cancelled",
    time: new Date(1_000),
    taskId: "t",
    agentId: "エージェント",
    facts: { why: "two\nlines 🙂" },
  }),
  repeats: 0,
  ref: undefined,
  attempt: 1,
  time: new Date(2_000),
  render: () => ({ title: "", body: "" }),
});
const line = (id: string): Delivered => ({
  id,
  eventType: "task.cancelled",
  eventTime: new Date(1_000),
  taskId: "t",
  agentId: "エージェント",
  summary: "Task t of エージェント was cancelled: two lines 🙂",
  channel: "file",
  deliveryTime: new Date(2_000),
});

const { signal } = new AbortController();

describe("file channel", () => {
  let dir: string;
  let path: string;
  let channels: Channel[];
  const open = (rotation = { maxBytes: 0, keep: 2 }): Channel => {
    const channel = createFileChannel("file", { path, ...rotation });
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
    await Promise.all(channels.map(async (channel) => channel.close?.()));
    await rm(dir, { recursive: true });
  });

  it("creates folder and file for their owner only, and writes lines that can be read again", async () => {
    await open().deliver(message("1"), signal);
    assert.deepEqual(await read(), [line("1")]);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(dir, "deep"))).mode & 0o777, 0o700);
  });

  it("makes an existing file private", async () => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "", { mode: 0o644 });
    await open().deliver(message("1"), signal);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it("appends to an existing file, in the order of the calls", async () => {
    await open().deliver(message("0"), signal);
    const second = open();
    await Promise.all(["1", "2", "3"].map((id) => second.deliver(message(id), signal)));
    assert.deepEqual(await ids(), ["0", "1", "2", "3"]);
  });

  it("writes whole lines when several write to one file", async () => {
    const names = Array.from({ length: 150 }, (_, at) => String(at));
    const writers = [open(), open(), open()];
    const writes = writers.map((writer, at) =>
      Promise.all(names.slice(at * 50, at * 50 + 50).map((id) => writer.deliver(message(id), signal))),
    );
    await Promise.all(writes);
    assert.deepEqual((await ids()).sort(), [...names].sort());
  });

  it("continues in a new file when the old one was renamed or removed", async () => {
    const channel = open();
    await channel.deliver(message("1"), signal);
    await rename(path, `${path}.1`);
    await channel.deliver(message("2"), signal);
    assert.deepEqual([await ids(`${path}.1`), await ids()], [["1"], ["2"]]);
    await rm(join(dir, "deep"), { recursive: true });
    await channel.deliver(message("3"), signal);
    assert.deepEqual(await ids(), ["3"]);
  });

  it("rejects while the file cannot be opened, and delivers afterwards", async () => {
    const channel = open();
    await channel.deliver(message("1"), signal);
    await rename(path, `${path}.1`);
    await mkdir(path);
    await assert.rejects(channel.deliver(message("2"), signal), { code: "EISDIR" });
    await rmdir(path);
    await channel.deliver(message("2"), signal);
    assert.deepEqual(await ids(), ["2"]);
  });

  it("renames the file when it is full, keeps the newest ones, and loses no line", async () => {
    const size = Buffer.byteLength(JSON.stringify(line("1"))) + 40;
    // Two processes write to the same file.
    const writers = [open({ maxBytes: 2 * size, keep: 2 }), open({ maxBytes: 2 * size, keep: 2 })];
    for (const id of ["1", "2", "3", "4", "5"]) {
      const writer = writers[Number(id) % 2];
      await writer?.deliver(message(id), signal);
    }
    assert.deepEqual([await ids(`${path}.2`), await ids(`${path}.1`), await ids()], [["1", "2"], ["3", "4"], ["5"]]);
    assert.equal((await stat(`${path}.1`)).mode & 0o777, 0o600);
    for (const id of ["6", "7"]) await writers[0]?.deliver(message(id), signal);
    assert.deepEqual([await ids(`${path}.2`), await ids(`${path}.1`), await ids()], [["3", "4"], ["5", "6"], ["7"]]);
  });
});
