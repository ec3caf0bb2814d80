import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { eventually } from "@ccsp/testkit";
import { readStat } from "../src/supervision/proc.js";
import { exitOf, readAll, type Supervised, supervised, WAITS } from "./supervised.js";

/** Uses processor time for a while, then waits. */
const BUSY_THEN_WAITS = `i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; ${WAITS} echo "$line"`;

describe("a process that waits for its input", function () {
  this.timeout(60_000);
  let supervisor: Supervised;
  beforeEach(async () => {
    supervisor = await supervised();
  });
  afterEach(() => supervisor.close());

  const entries = async (): Promise<readonly string[]> => await readdir(supervisor.dir, { recursive: true });

  it("charges its run neither time nor processor time from before its input", async () => {
    const process = await supervisor.launch(BUSY_THEN_WAITS);
    await supervisor.waits();
    const before = readStat(process.pid)?.cpuMs ?? 0;
    assert.ok(before >= 50, `${before} ms`);
    const used = performance.now();
    const run = process.use({ input: "hello\n", wallMs: 10_000 }, { waited: true });
    assert.equal(await readAll(run), "hello\n");
    const { code, runMs, resources, waited } = await run.exited;
    assert.deepEqual([code, waited], [0, true]);
    const sinceMs = performance.now() - used;
    assert.ok(runMs <= sinceMs, `${runMs} ms within ${sinceMs}`);
    assert.ok((resources?.cpuMs ?? before) < before / 2, `${resources?.cpuMs} ms, ${before} before`);
  });

  it("starts its time limits at its input, for silence and total time", async () => {
    const silent = await supervisor.launch(`sleep 0.5; ${WAITS} sleep 60`, { silenceMs: 300 });
    const slow = await supervisor.launch(`${WAITS} while :; do echo x; sleep 0.05; done`);
    await supervisor.waits(2);
    assert.ok(silent.alive && slow.alive);
    assert.equal((await exitOf(silent.use({ input: "\n", wallMs: 10_000 }, { waited: true }))).overrun, "silence");
    assert.equal((await exitOf(slow.use({ input: "\n", wallMs: 300 }, { waited: true }))).overrun, "wall");
  });

  it("is removed with its folder when it is ended, and when it dies", async () => {
    const ended = await supervisor.launch(`trap '' TERM; ${BUSY_THEN_WAITS}`);
    await supervisor.waits();
    assert.ok(ended.memoryBytes() > 0);
    await ended.end();
    assert.equal(readStat(ended.pid), undefined);
    const dead = await supervisor.launch("exit 3");
    await dead.gone;
    assert.equal(dead.alive, false);
    assert.deepEqual(
      (await entries()).filter((name) => name.includes("task")),
      [],
    );
  });

  it("is killed when it takes more memory than a run may", async () => {
    const process = await supervisor.launch("exec tail -f /dev/null", {
      limits: { memoryBytes: 1_024, processes: 0 },
    });
    await process.gone;
    assert.equal(process.alive, false);
  });

  it("has its output from before the input read by its run", async () => {
    const process = await supervisor.launch("echo early; read line; echo late");
    await eventually(() => assert.ok(process.alive));
    const run = process.use({ input: "\n", wallMs: 10_000 }, { waited: true });
    assert.equal(await readAll(run), "early\nlate\n");
    await run.exited;
  });

  it("is a run object that a plugin may destructure or spread", async () => {
    const launched = await supervisor.launch('read line; echo "$line"; cat');
    const run = launched.use({ input: "hello\n", wallMs: 10_000 }, { waited: false });
    const { endInput, stop } = run;
    const changed = { ...run };
    assert.equal(changed.pid, launched.pid);
    endInput(5_000);
    assert.equal(await readAll(changed), "hello\n");
    await stop();
    assert.equal((await changed.exited).code, 0);
  });
});
