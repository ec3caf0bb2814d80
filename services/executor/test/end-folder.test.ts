import assert from "node:assert/strict";
import { link, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runFailure } from "@ccsp/engine-kit";
import { pino } from "pino";
import type { Answer } from "../src/domain/queue.js";
import { openEndFolder } from "../src/queue/end-folder.js";
import type { EndMessage } from "../src/queue/ends.js";

const DAY_MS = 86_400_000;

describe("the folder of ends that the queue has not answered", () => {
  let dir: string;
  let path: string;
  let told: EndMessage[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-end-folder-test-"));
    path = join(dir, "ends");
    told = [];
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const open = () =>
    openEndFolder({
      path,
      mostBytes: 60_000,
      tell: async (end) => {
        told.push(end);
        return "ok";
      },
      log: pino({ level: "silent" }),
    });
  const failed = { failure: runFailure("TIMEOUT", "late"), usage: undefined, costUsd: 0.5 };
  const lease = (taskId: string) => ({ taskId, fence: 7n });
  const tellAll = async (): Promise<Answer[]> => {
    const folder = await open();
    const signal = new AbortController().signal;
    const answers = await Promise.all(folder.left.map((end) => end.tell(signal)));
    await folder.close();
    return answers;
  };

  it("gives the next boot what was put and not removed, in files that only their owner can read", async () => {
    const folder = await open();
    assert.deepEqual(folder.left, []);
    await folder.put(lease("a"), { how: "fail", failed });
    await folder.put(lease("b"), { how: "release", reason: "the executor takes no more work" });
    await folder.remove(lease("b"));
    await folder.close();
    const [name = ""] = await readdir(path);
    assert.deepEqual([name, (await stat(join(path, name))).mode & 0o777], ["a-7.fail", 0o600]);
    assert.deepEqual(await tellAll(), ["ok"]);
    assert.deepEqual(
      told.map(({ how, message: { taskId, fence } }) => [how, taskId, fence]),
      [["fail", "a", 7n]],
    );
  });

  it("tells nothing from a link, a file with another name, an unfinished, an old or a forged one", async () => {
    const folder = await open();
    for (const id of ["forged", "linked", "old"]) await folder.put(lease(id), { how: "fail", failed });
    await folder.close();
    const real = await readFile(join(path, "forged-7.fail"));
    // An end under the name of another lease.
    await writeFile(join(path, "other-8.fail"), real);
    await rm(join(path, "forged-7.fail"));
    await writeFile(join(dir, "outside"), real);
    await symlink(join(dir, "outside"), join(path, "forged-7.fail"));
    await link(join(path, "linked-7.fail"), join(dir, "second"));
    await utimes(join(path, "old-7.fail"), new Date(), new Date(Date.now() - DAY_MS - 60_000));
    for (const name of ["strange", "a-7.complete.pending"]) await writeFile(join(path, name), real);
    assert.deepEqual([await tellAll(), told], [["refused"], []]);
    assert.deepEqual(await readdir(path), ["other-8.fail"]);
    assert.deepEqual(await readFile(join(dir, "outside")), real);
  });

  it("keeps no more bytes than it may", async () => {
    const folder = await open();
    const reason = "x".repeat(10_000);
    for (let i = 0; i < 6; i++) await folder.put(lease(`t${i}`), { how: "release", reason });
    assert.equal((await readdir(path)).length, 5);
    await folder.remove(lease("t0"));
    await folder.put(lease("t5"), { how: "release", reason });
    assert.equal((await readdir(path)).length, 5);
    for (let i = 1; i < 6; i++) await folder.remove(lease(`t${i}`));
    await folder.close();
    assert.deepEqual(await readdir(dir), []);
  });
});
