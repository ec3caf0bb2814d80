import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock } from "node:test";
import { promisify } from "node:util";
import type { RunExit } from "@ccsp/engine-kit";
import { eventually, skip } from "@ccsp/testkit";
import { findProcesses } from "../src/supervision/kill.js";
import { createProcessTable, readStat } from "../src/supervision/proc.js";
import {
  exitOf,
  readAll,
  type ScriptOptions,
  SUPERVISION_TEST,
  type Supervised,
  supervised,
  WAITS,
} from "./supervised.js";

const MB = 1024 * 1024;
/** Not every host has Python. The shell of a run uses the path of this Node, which may have a space. */
const node = (script: string) => `"${process.execPath}" -e '${script}'`;

const living = () => findProcesses(({ executorId }) => executorId === SUPERVISION_TEST);
const word = ({ cause, overrun, code, signal }: RunExit) => [cause, overrun, code, signal];

describe("the limits and records of a run", function () {
  this.timeout(60_000);
  let start: Supervised["start"];
  let launch: Supervised["launch"];
  let waits: Supervised["waits"];
  let close: Supervised["close"];
  let dir: string;
  beforeEach(async () => ({ start, launch, waits, close, dir } = await supervised()));
  afterEach(async () => {
    assert.deepEqual(await living(), []);
    await close();
  });

  it("distinguishes an exit by itself, by another process' signal and on request", async () => {
    assert.deepEqual(word(await exitOf(await start("exit 3"))), ["exited", undefined, 3, null]);
    assert.deepEqual(word(await exitOf(await start("kill -SEGV $$"))), ["signal", undefined, null, "SIGSEGV"]);
    const run = await start("sleep 60");
    const stopping = run.stop();
    assert.deepEqual(word(await exitOf(run)), ["stopped", undefined, null, "SIGTERM"]);
    await stopping;
  });

  it("counts the processor time of all its processes, also of those that ended between two checks", async () => {
    const spin = "perl -e 'while ((times)[0] + (times)[1] < 0.15) { 1 for 1..1000 }'";
    const { resources } = await exitOf(await start(`${spin}; ${spin}`));
    assert.ok((resources?.cpuMs ?? 0) >= 250, `${resources?.cpuMs} ms`);
  });

  it("records the most memory that its processes had together", async () => {
    const hold = "const held = Buffer.alloc(60e6, 1); setInterval(() => held.length, 60_000);";
    const run = await start(`${node(hold)} & ${node(hold)} & wait`, { wallMs: 60_000 });
    // Its output is not read until then, so the limit of silence does not count.
    await eventually(() => assert.ok((run.resources.peakMemoryBytes ?? 0) > 120e6));
    const stopping = run.stop();
    const { resources } = await exitOf(run);
    assert.ok((resources?.peakMemoryBytes ?? 0) > 120e6, `${resources?.peakMemoryBytes} bytes`);
    await stopping;
  });

  it("ends it when its processes have more memory than it may have", async () => {
    const hog = "const held = []; setInterval(() => held.push(Buffer.alloc(5e6, 1)), 10);";
    const run = await start(`${node(hog)} & ${node(hog)} & wait`, { limits: { memoryBytes: 300 * MB, processes: 0 } });
    assert.deepEqual(word(await exitOf(run)).slice(0, 2), ["memory", "memory"]);
  });

  it("ends it when its files in memory are in more places than can be read, and invents no number for them", async function () {
    await promisify(execFile)("unshare", ["-rm", "true"]).catch(() =>
      skip(this, "unshare makes no mount namespace here"),
    );
    const mounts = `for i in $(seq 300); do mkdir ${dir}/$i; mount -t tmpfs none ${dir}/$i; done; sleep 60`;
    const limits = { memoryBytes: 1024 * MB, processes: 0 };
    const run = await start(`exec unshare -rm sh -c '${mounts}'`, { limits, wallMs: 60_000 });
    const { cause, resources } = await exitOf(run);
    assert.equal(cause, "memory");
    assert.ok((resources?.peakMemoryBytes ?? 0) < 100 * MB, `${resources?.peakMemoryBytes} bytes`);
  });

  it("counts memory that its processes share only once", async () => {
    // Forks of a process that has 80 MB. By RSS they use six times that amount.
    const seen = join(dir, "seen");
    const fork = `if (!fork) { select undef, undef, undef, 0.05 until -e "${seen}"; exit }`;
    const perl = `my $held = "x" x 80e6; for (1..5) { ${fork} } wait for 1..5; print length $held`;
    const run = await start(`exec perl -e '${perl}'`, {
      limits: { memoryBytes: 300 * MB, processes: 0 },
      wallMs: 60_000,
    });
    await eventually(() => assert.ok((run.resources.peakMemoryBytes ?? 0) > 300 * MB));
    await writeFile(seen, "");
    assert.equal(await readAll(run), "80000000");
    const { resources, cause } = await run.exited;
    assert.equal(cause, "exited");
    assert.ok((resources?.peakMemoryBytes ?? 0) > 300 * MB, "was never above its limit");
  });

  it("ends all its processes when there are more than allowed", async () => {
    const crowd = "i=0; while [ $i -lt 60 ]; do setsid sleep 60 & i=$((i+1)); done; wait";
    const run = await start(crowd, { limits: { memoryBytes: 0, processes: 40 } });
    assert.deepEqual(word(await exitOf(run)).slice(0, 2), ["processes", "processes"]);
  });

  it("ends processes that start others as fast as they can, each in a session of its own", async () => {
    // Each process dies once it has started two others. The depth is bounded, so a test that fails still ends.
    const bomb =
      'f() { [ $1 -gt 0 ] || exec sleep 60; setsid sh -c "$2" sh $(($1-1)) "$2" & setsid sh -c "$2" sh $(($1-1)) "$2" & sleep 60; }; f "$1" "$2"';
    const run = await start(`B='${bomb}'; sh -c "$B" sh 8 "$B"`, { limits: { memoryBytes: 0, processes: 30 } });
    assert.equal((await exitOf(run)).cause, "processes");
  });

  it("ends it when it prints without progress", async () => {
    const talker = "for i in $(seq 100); do echo $i; sleep 0.05; done";
    const stalled = await start(talker, { stallMs: 400 });
    assert.equal((await exitOf(stalled)).cause, "stall");
  });

  it("does not end it as stalled while there is progress, however long it prints", async () => {
    const told = join(dir, "told");
    // Only the test moves the clocks of this run. So a pause of the machine does not look like a stall.
    let now = 0;
    mock.timers.enable({ apis: ["setTimeout"] });
    mock.method(performance, "now", () => now);
    try {
      const run = await start(`for i in 1 2 3 4 5; do until [ -e ${told}$i ]; do sleep 0.01; done; echo $i; done`, {
        stallMs: 400,
      });
      const output = run.output[Symbol.asyncIterator]();
      for (const i of [1, 2, 3, 4, 5]) {
        const line = output.next();
        now += 300;
        mock.timers.tick(300);
        await writeFile(`${told}${i}`, "");
        assert.equal(String((await line).value), `${i}\n`);
        run.progress();
      }
      assert.equal((await output.next()).done, true);
      assert.equal((await run.exited).cause, "exited");
    } finally {
      mock.timers.reset();
      mock.restoreAll();
    }
  });

  it("sends SIGTERM to all its processes, also to those that left its group, and gives all of them the grace time", async () => {
    const ended = join(dir, "ended");
    const careful = (name: string) =>
      `trap "sleep 0.3; echo ${name} >>${ended}; exit" TERM; echo up; while :; do sleep 0.05; done`;
    const run = await start(
      `trap "exit 7" TERM; setsid sh -c '${careful("grandchild")}' & sh -c '${careful("child")}' & wait`,
      {
        graceMs: 10_000,
      },
    );
    let stopping: Promise<void> | undefined;
    await readAll(run, (text) => {
      if (text === "up\nup\n") stopping = run.stop();
    });
    await stopping;
    assert.deepEqual((await readFile(ended, "utf8")).trim().split("\n").toSorted(), ["child", "grandchild"]);
    assert.equal((await run.exited).code, 7);
  });

  it("ignores output after a limit has passed, or after it was asked to end", async () => {
    const late = `trap 'echo late; exit 0' TERM; echo up; ${WAITS} while :; do sleep 0.05; done`;
    // A limit counts from the input. By then the process has written its first line.
    const use = async ({ wallMs = 10_000, ...options }: ScriptOptions) => {
      const process = await launch(late, { ...options, graceMs: 10_000 });
      await waits();
      return process.use({ input: "\n", wallMs }, { waited: true });
    };
    const limits: readonly (readonly [Partial<ScriptOptions>, string])[] = [
      [{ wallMs: 300 }, "wall"],
      [{ silenceMs: 300 }, "silence"],
      [{ stallMs: 300 }, "stall"],
    ];
    for (const [limit, cause] of limits) {
      const run = await use(limit);
      assert.equal(await readAll(run), "up\n", cause);
      const { code, ...exit } = await run.exited;
      assert.deepEqual([code, exit.cause], [0, cause], "printed within the grace time");
    }
    const run = await use({});
    assert.equal(await readAll(run, () => void run.stop()), "up\n");
    assert.deepEqual(word(await run.exited), ["stopped", undefined, 0, null]);
  });

  it("kills all remaining processes after the grace time, wherever they are and whatever they ignore", async () => {
    const deaf = 'trap "" TERM; echo up; while :; do sleep 0.1; done';
    const run = await start(`setsid sh -c '${deaf}' & setsid sh -c "setsid sh -c '${deaf}'" & wait`, { graceMs: 200 });
    await readAll(run, (text) => {
      if (text === "up\nup\n") void run.stop();
    });
    assert.equal((await run.exited).cause, "stopped");
  });

  it("finds a process that left its session and lost its parent between two checks", async () => {
    const leave = "(setsid sh -c 'echo $$ >up; exec sleep 61 >/dev/null 2>&1' &)";
    const run = await start(`${leave}; until [ -s up ]; do :; done; cat up`);
    const pid = Number(await readAll(run));
    await run.exited;
    assert.equal(readStat(pid), undefined);
  });

  it("finds a process that executes one command after another in each look", async () => {
    const run = await start(`echo 'exec sh $0' >again.sh; exec sh ./again.sh`);
    for (let look = 1; look <= 300; look++) assert.deepEqual(await living(), [run.pid], `look ${look}`);
    const ended = exitOf(run);
    await run.stop();
    assert.equal((await ended).cause, "stopped");
  });

  it("waits for a process that has no environment in its first look only", async () => {
    const bare = spawn("/bin/sh", ["-c", "while :; do :; done"], { env: {}, stdio: "ignore" });
    await once(bare, "spawn");
    const table = createProcessTable();
    const look = async () => {
      const began = performance.now();
      assert.ok((await table.read()).has(bare.pid ?? 0));
      return performance.now() - began;
    };
    try {
      await look();
      // A look that waits for it takes 250 ms.
      await eventually(async () => assert.ok((await look()) < 125));
    } finally {
      bare.kill("SIGKILL");
      await once(bare, "exit");
    }
  });

  it("ends processes that appear after their run is over", async () => {
    const over = await start("exit 0");
    await exitOf(over);
    const cookie = `${SUPERVISION_TEST}/boot-1/task:1`;
    const stray = spawn("sleep", ["60"], { env: { PATH: "/usr/bin:/bin", CCSP_RUN: cookie } });
    await once(stray, "exit");
    assert.equal(stray.signalCode, "SIGKILL");
  });

  it("finds a process that cleared its environment and left its session, once it was seen with its parent", async () => {
    const run = await start("env -i setsid sleep 61 & echo $!; sleep 60");
    let pid = 0;
    const reading = readAll(run, (text) => {
      pid = Number(text);
    });
    await eventually(() => assert.ok(pid > 0 && run.processes >= 3));
    process.kill(run.pid, "SIGKILL");
    await reading;
    await run.exited;
    assert.equal(readStat(pid), undefined);
  });
});
