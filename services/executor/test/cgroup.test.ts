import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { skip } from "@ccsp/testkit";
import { pino } from "pino";
import { type Cgroups, openCgroups } from "../src/supervision/cgroup.js";
import { readStat } from "../src/supervision/proc.js";
import { exitOf, readAll, SUPERVISION_TEST, type Supervised, supervised } from "./supervised.js";

const MB = 1024 * 1024;
const BOOT = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/** A cgroup for this test only, or undefined where the test may not create one. */
function makeCgroup(): string | undefined {
  const mount = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(readFileSync("/proc/self/mountinfo", "utf8"))?.[1];
  if (mount === undefined) return undefined;
  const path = join(mount, `ccsp-test-${process.pid}`);
  try {
    mkdirSync(path);
    return path;
  } catch {
    return undefined;
  }
}

describe("a run in a cgroup of its own", function () {
  this.timeout(60_000);
  let path = "";
  let cgroups: Cgroups;
  let start: Supervised["start"];
  let close: Supervised["close"];

  const open = () => openCgroups({ path, executorId: SUPERVISION_TEST, bootId: BOOT, log: pino({ level: "silent" }) });
  const groups = () => readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());

  before(function () {
    path = makeCgroup() ?? skip(this, "only root may make cgroups, and only where the host has version 2");
  });
  beforeEach(async () => {
    cgroups = await open();
    ({ start, close } = await supervised());
  });
  afterEach(async () => {
    await close();
    assert.deepEqual(groups(), []);
  });
  after(() => {
    if (path !== "") rmdirSync(path);
  });

  const has = (controller: string) => readFileSync(join(path, "cgroup.controllers"), "utf8").includes(controller);

  it("has all its processes ended, also those without any other mark", async () => {
    const run = await start(
      "env -i setsid sh -c 'echo $$; exec sleep 60 >/dev/null 2>&1' & wait $!; sleep 0.1; exit 4",
      {
        cgroups,
      },
    );
    let pid = 0;
    const said = readAll(run, (text) => {
      pid = Number(text);
      process.kill(run.pid, "SIGKILL");
    });
    await said;
    assert.equal((await run.exited).cause, "signal");
    assert.ok(pid > 0);
    assert.equal(readStat(pid), undefined);
  });

  it("has its processor time counted by the kernel, also for processes without a waiting parent", async () => {
    const spin =
      "const used = () => Object.values(process.cpuUsage()).reduce((a, b) => a + b); while (used() < 200000);";
    const run = await start(`setsid "${process.execPath}" -e '${spin}; console.log(1)' & exec sleep 60`, { cgroups });
    await readAll(run, () => void run.stop());
    const { resources } = await run.exited;
    assert.ok((resources?.cpuMs ?? 0) >= 200, `${resources?.cpuMs} ms`);
  });

  it("is ended by the kernel when it takes too much memory, in any of its processes", async function () {
    if (!has("memory")) skip(this, "the memory controller is not delegated here");
    const hog = "const held = []; setInterval(() => held.push(Buffer.alloc(5e6, 1)), 10);";
    const limits = { memoryBytes: 200 * MB, processes: 0 };
    const run = await start(`setsid "${process.execPath}" -e '${hog}' & wait`, { cgroups, limits });
    const { cause, resources } = await exitOf(run);
    assert.equal(cause, "memory");
    const peak = resources?.peakMemoryBytes ?? 0;
    assert.ok(peak > 150 * MB && peak <= 200 * MB, `${peak} bytes`);
  });

  it("cannot start processes faster than they are counted", async function () {
    if (!has("pids")) skip(this, "the pids controller is not delegated here");
    const limits = { memoryBytes: 0, processes: 10 };
    const run = await start("for i in $(seq 500); do sleep 60 & done; wait", { cgroups, limits });
    let most = 0;
    const counting = setInterval(() => {
      most = Math.max(most, run.processes);
    }, 5);
    const { cause } = await exitOf(run);
    clearInterval(counting);
    assert.equal(cause, "processes");
    assert.ok(most <= 81, `${most} processes`);
  });

  it("is ended at the next boot when its executor did not end it", async () => {
    const cgroup = await cgroups.create("left:1", { memoryBytes: 0, processes: 0 });
    const left = spawn("sleep", ["60"], { stdio: "ignore" });
    const exit = once(left, "exit");
    await writeFile(cgroup.procs, String(left.pid), { flag: "r+" });
    await open();
    await exit;
    assert.equal(left.signalCode, "SIGKILL");
  });

  it("is refused with the setting's name where cgroups cannot be created", async () => {
    const log = pino({ level: "silent" });
    await assert.rejects(openCgroups({ path: "/proc", executorId: "e", bootId: BOOT, log }), /CCSP_EXECUTOR_CGROUP/);
  });
});
