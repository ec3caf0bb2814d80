import assert from "node:assert/strict";
import type { RunOptions, SupervisedRun } from "@ccsp/engine-kit";
import { pino } from "pino";
import type { Clock } from "../domain/clock.js";
import type { LaunchedProcess } from "../supervision/launched-run.js";
import { WarmPool, type WarmPoolOptions } from "./pool.js";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const MB = 1024 ** 2;
const MINUTE = 60_000;

/** A pool whose time and processes the test controls. */
function setUp(options: Partial<WarmPoolOptions> = {}) {
  let now = 0;
  let waits: { readonly until: number; end(): void }[] = [];
  const clock: Clock = {
    now: () => now,
    date: () => now,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        waits.push({ until: now + ms, end: resolve });
        signal?.addEventListener("abort", () => resolve(), { once: true });
      }),
  };
  const processes: { name: string; bytes: number; alive: boolean; used: boolean; fault: boolean; die(): void }[] = [];
  const starts: string[] = [];
  const counted: string[] = [];
  const launcher = {
    fails: false,
    async launch({ run }: { readonly run: string }): Promise<LaunchedProcess> {
      // Not one that a run is started with at once.
      const waits = run.startsWith("warm-");
      if (waits && launcher.fails) throw new Error("no");
      let die = () => {};
      const gone = new Promise<void>((resolve) => {
        die = () => {
          process.alive = false;
          resolve();
        };
      });
      const process = { name: run, bytes: 100 * MB, alive: true, used: false, fault: false, die };
      if (waits) processes.push(process);
      return {
        pid: processes.length,
        get alive() {
          return process.alive;
        },
        memoryBytes() {
          if (process.fault) throw new Error("of a test");
          return process.bytes;
        },
        use() {
          assert.ok(!process.used, "used twice");
          process.used = true;
          starts.push(process.name);
          return ended;
        },
        async end() {
          die();
        },
        gone,
      };
    },
  };
  const pool = new WarmPool({
    count: 2,
    memoryBytes: 1_000 * MB,
    maxAgeMs: 10 * MINUTE,
    shared: false,
    startsAtOnce: 1,
    launcher,
    metrics: {
      started: (_engine, how) => void counted.push(how),
      waiting: () => {},
      over: (_engine, why) => void counted.push(why),
    },
    clock,
    log: pino({ level: "silent" }),
    ...options,
  });
  const supervisor = pool.of("e");
  let runs = 0;
  return {
    pool,
    launcher,
    processes,
    starts,
    counted,
    names: () => processes.filter(({ alive, used }) => alive && !used).map(({ name }) => name),
    /** Starts a run with this key. Returns the name that its process was started with. */
    async start(warmKey: string | undefined, agentId: string | undefined = "ann"): Promise<string> {
      const request: RunOptions = {
        run: `task-${++runs}:1`,
        agentId,
        command: "/bin/engine",
        input: "",
        wallMs: 1,
        traceparent: "",
        warmKey,
        prepare: async () => ({ args: [], env: {} }),
      };
      await supervisor.start(request);
      return starts.at(-1) ?? "";
    },
    async pass(ms: number): Promise<void> {
      for (const end = now + ms; now < end; ) {
        now = Math.min(end, ...waits.map(({ until }) => Math.max(until, now + 1)));
        const due = waits.filter(({ until }) => until <= now);
        waits = waits.filter(({ until }) => until > now);
        for (const wait of due) wait.end();
        await settled();
        await settled();
      }
    },
  };
}

const ended: SupervisedRun = {
  pid: 1,
  output: (async function* () {})(),
  exited: new Promise(() => {}),
  stop: async () => {},
  kill: async () => {},
  progress: () => {},
  resources: { cpuMs: undefined, peakMemoryBytes: undefined },
  processes: 1,
  endInput: () => {},
};

describe("the pool of waiting processes", () => {
  it("starts one for a key that was used twice, gives it to one run, and starts the next", async () => {
    const { start, pass, names, pool, counted } = setUp();
    assert.equal(await start("a"), "task-1:1");
    await pass(MINUTE);
    assert.deepEqual(names(), []);
    assert.equal(await start("a"), "task-2:1");
    await pass(MINUTE);
    assert.deepEqual([names(), pool.waiting("e"), pool.waiting("f")], [["warm-1:0"], 1, 0]);
    assert.equal(await start("a"), "warm-1:0");
    assert.equal(await start("a"), "task-4:1");
    await pass(MINUTE);
    assert.deepEqual(names(), ["warm-2:0", "warm-3:0"]);
    assert.deepEqual(counted, ["cold", "cold", "used", "warm", "cold"]);
  });

  it("keeps engines and keys apart, and has none for a run without a key", async () => {
    const { start, pass, pool, names } = setUp();
    await start("a");
    await start("a");
    await pass(MINUTE);
    assert.equal(names().length, 1);
    assert.equal(await start("b"), "task-3:1");
    assert.equal(await start(undefined), "task-4:1");
    await pool.of("f").start({
      run: "other:1",
      agentId: "ann",
      command: "/bin/engine",
      input: "",
      wallMs: 1,
      traceparent: "",
      warmKey: "a",
      prepare: async () => ({ args: [], env: {} }),
    });
    assert.equal(names().length, 1);
  });

  it("gives an agent no process that was started for another one, and a run of no agent none", async () => {
    const { start, pass, names, pool } = setUp();
    for (const agent of ["ann", "ann"]) await start("a", agent);
    await pass(MINUTE);
    assert.equal(pool.waiting("e"), 1);
    assert.equal(await start("a", "bob"), "task-3:1");
    assert.deepEqual(names(), ["warm-1:0"]);
    assert.equal(await start("a", "ann"), "warm-1:0");
  });

  it("gives a process to any agent if the operator says so", async () => {
    const { start, pass } = setUp({ shared: true });
    for (const agent of ["ann", "bob"]) await start("a", agent);
    await pass(MINUTE);
    assert.equal(await start("a", "eve"), "warm-1:0");
  });

  it("shares its number of processes between the most recent keys", async () => {
    const { start, pass, names, counted } = setUp();
    for (const key of ["a", "a", "a", "b", "b", "b"]) await start(key);
    await pass(MINUTE);
    assert.equal(names().length, 2);
    for (const key of ["c", "c"]) await start(key);
    await pass(MINUTE);
    // The key that came first lost its process.
    assert.deepEqual(names(), ["warm-1:0", "warm-3:0"]);
    assert.deepEqual(counted.slice(-1), ["unwanted"]);
  });

  it("starts nothing while runs are being started", async () => {
    const { start, pass, names } = setUp();
    for (let i = 0; i < 20; i++) {
      await start("a");
      await pass(500);
    }
    assert.deepEqual(names(), []);
    await pass(MINUTE);
    assert.equal(names().length, 2);
  });

  it("starts them beside runs while enough processors are free, so steady work gets them", async () => {
    const { start, pass, counted } = setUp({ startsAtOnce: 2 });
    for (let i = 0; i < 10; i++) {
      await start("a");
      await pass(1_100);
    }
    assert.ok(counted.filter((how) => how === "warm").length >= 6, counted.join());
  });

  it("ends an old process and starts another while its key is used, and none after that", async () => {
    const { start, pass, names, counted } = setUp({ maxAgeMs: MINUTE });
    await start("a");
    await start("a");
    await pass(50_000);
    assert.deepEqual(names(), ["warm-1:0"]);
    await start("a");
    await start("a");
    await pass(50_000);
    assert.deepEqual(names(), ["warm-3:0"]);
    await pass(2 * MINUTE);
    assert.deepEqual(names(), []);
    assert.ok(
      counted.slice(-2).every((why) => why === "age" || why === "unwanted"),
      counted.join(),
    );
  });

  it("gives no run a process that is too old, even between two checks, and replaces it", async () => {
    const { start, pass, names, processes } = setUp({ count: 1, maxAgeMs: 16_000 });
    await start("a");
    await start("a");
    await pass(10_000);
    const [process] = processes;
    assert.ok(process);
    // The process looks dead during two more runs. They keep the demand for the key alive, and do not use the process.
    process.alive = false;
    for (const run of ["task-3:1", "task-4:1"]) assert.equal(await start("a"), run);
    process.alive = true;
    await pass(8_500);
    assert.deepEqual(names(), ["warm-1:0"]);
    assert.notEqual(await start("a"), "warm-1:0");
    await pass(7_000);
    assert.deepEqual(names(), ["warm-2:0"]);
  });

  it("keeps within its memory: starts none that would not fit, and ends those that grew too large", async () => {
    const { start, pass, names, processes, counted } = setUp({ count: 4, memoryBytes: 250 * MB });
    for (let i = 0; i < 5; i++) await start("a");
    await pass(MINUTE);
    assert.deepEqual(names(), ["warm-1:0", "warm-2:0"]);
    for (const process of processes) process.bytes = 200 * MB;
    await pass(MINUTE);
    // The older process is ended. A new one would not fit.
    assert.deepEqual(names(), ["warm-2:0"]);
    assert.deepEqual(counted.slice(-1), ["memory"]);
  });

  it("keeps no process of a key whose processes do not fit, and keeps those of other keys", async () => {
    const { start, pass, names, processes } = setUp({ memoryBytes: 250 * MB });
    await start("large");
    await start("large");
    await pass(3_000);
    for (const process of processes) process.bytes = 300 * MB;
    await pass(MINUTE);
    assert.deepEqual([names(), processes.length], [[], 1]);
    for (const key of ["a", "a", "large"]) await start(key);
    await pass(MINUTE);
    assert.deepEqual(names(), ["warm-2:0"]);
  });

  it("starts a new process for a run when the waiting one is dead, even before its death was reported", async () => {
    const { start, pass, processes, names } = setUp();
    await start("a");
    await start("a");
    await pass(MINUTE);
    const [process] = processes;
    assert.ok(process);
    process.alive = false;
    assert.equal(await start("a"), "task-3:1");
    process.die();
    await pass(MINUTE);
    assert.ok(!names().includes("warm-1:0"));
  });

  it("waits longer each time when processes die or cannot be started", async () => {
    const { start, pass, processes, launcher, counted } = setUp();
    await start("a");
    await start("a");
    for (let i = 0; i < 300; i++) {
      await pass(1_000);
      processes.findLast(({ alive }) => alive)?.die();
    }
    const died = processes.length;
    assert.ok(died > 3 && died < 12, `${died} started in five minutes`);
    assert.equal(counted.filter((why) => why === "died").length, died);
    await start("a");
    launcher.fails = true;
    await pass(10 * MINUTE);
    assert.equal(processes.length, died);
  });

  it("continues after an error in its own loop", async () => {
    const { start, pass, processes, names } = setUp();
    await start("a");
    await start("a");
    await pass(MINUTE);
    const [process] = processes;
    assert.ok(process);
    process.fault = true;
    await pass(MINUTE);
    process.fault = false;
    assert.equal(await start("a"), "warm-1:0");
    await pass(MINUTE);
    assert.deepEqual(names(), ["warm-2:0", "warm-3:0"]);
  });

  it("ends all and starts none until it is allowed again", async () => {
    const { start, pass, names, pool } = setUp();
    await start("a");
    await start("a");
    await pass(MINUTE);
    await pool.allow(false);
    assert.deepEqual([names(), pool.processes()], [[], 0]);
    await start("a");
    await pass(MINUTE);
    assert.deepEqual(names(), []);
    await pool.allow(true);
    await pass(MINUTE);
    assert.equal(names().length, 2);
  });

  it("is off when its number is 0", async () => {
    const { start, pass, names, counted } = setUp({ count: 0 });
    for (let i = 0; i < 5; i++) await start("a");
    await pass(MINUTE);
    assert.deepEqual([names(), counted], [[], []]);
  });

  it("remembers a bounded number of keys", async () => {
    const { start, pass, names } = setUp({ count: 64 });
    for (let round = 0; round < 2; round++) for (let i = 0; i < 100; i++) await start(`key-${i}`);
    await pass(10 * MINUTE - 1);
    assert.deepEqual(names(), []);
  });
});
