import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readStat } from "../src/supervision/proc.js";
import { type Holder, takeLock, thisProcess } from "../src/supervision/run-lock.js";

const DEAD: Holder = { pid: 4_000_000, started: "1" };

describe("the lock of an executor's folder", () => {
  let dir: string;
  let path: string;
  const others: ChildProcess[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-lock-test-"));
    path = join(dir, "lock");
  });
  afterEach(async () => {
    for (const other of others.splice(0)) other.kill("SIGKILL");
    await rm(dir, { recursive: true, force: true });
  });

  function another(): Holder {
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    others.push(other);
    return { pid: other.pid ?? 0, started: readStat(other.pid ?? 0)?.started ?? "" };
  }

  it("belongs to one holder until it is released, and leaves no file", async () => {
    const first = await takeLock(path, thisProcess());
    assert.ok("release" in first);
    assert.deepEqual(await takeLock(path, another()), thisProcess());
    await first.release();
    const second = await takeLock(path, another());
    assert.ok("release" in second);
    await second.release();
    assert.deepEqual(await readdir(dir), []);
  });

  it("is free when its holder is dead, its pid belongs to another process, or its file was cut off by a crash", async () => {
    const reused = { ...thisProcess(), started: "1" };
    for (const left of [JSON.stringify(DEAD), JSON.stringify(reused), '{"pid":']) {
      await writeFile(path, left);
      assert.ok("release" in (await takeLock(path, thisProcess())), left);
      assert.deepEqual(await readdir(dir), ["lock"]);
    }
  });

  it("is taken over when the process that took it over died during that", async () => {
    await writeFile(path, JSON.stringify(DEAD));
    await writeFile(`${path}.after-${DEAD.pid}-${DEAD.started}`, JSON.stringify({ pid: 4_000_001, started: "1" }));
    assert.ok("release" in (await takeLock(path, thisProcess())));
    assert.deepEqual(await readdir(dir), ["lock"]);
  });

  it("of a dead holder goes to exactly one of many processes that try to take it", async () => {
    const holders = Array.from({ length: 8 }, another);
    for (let round = 0; round < 40; round++) {
      await writeFile(path, JSON.stringify(DEAD));
      const taken = await Promise.all(holders.map((us) => takeLock(path, us)));
      const winners = holders.filter((_, index) => "release" in (taken[index] ?? {}));
      assert.equal(winners.length, 1, `round ${round}`);
      assert.deepEqual(JSON.parse(await readFile(path, "utf8")), winners[0]);
      await rm(path);
    }
  });
});
