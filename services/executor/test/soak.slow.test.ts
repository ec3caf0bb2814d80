import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { engineProcesses, eventually } from "@ccsp/testkit";
import { startExecutorProcess } from "./executor-process.js";
import { type FakeQueue, startFakeQueue } from "./fake-queue.js";
import { processesOf } from "./processes.js";
import { testEnv } from "./rig.js";

/** `make soak-executor` asks for 1,000 runs. */
const RUNS = Number(process.env["CCSP_SOAK_RUNS"] ?? 300);
const SLOTS = 4;
const SEED = 20_251;
/**
 * Number of runs before the first measurement. Code and the channel to the queue, which the first runs load and open,
 * stay in memory.
 */
const WARM_UP_RUNS = 12;
const MB = 1024 * 1024;
/** Node has to collect garbage early, so that the process does not grow by garbage. */
const SMALL_HEAP = ["--max-old-space-size=90", "--max-semi-space-size=4"];
/** Margin for garbage that is not yet collected. A leak of 100 KB per run would exceed it. */
const MEMORY_MARGIN = 30 * MB;

const PROMPTS = [
  "hello",
  "[[flood:64KB]]",
  "[[delay:20]][[text:one two three four five]]",
  "[[grandchild]][[grandchild-setsid]][[text:left behind]]",
  "[[ignore-sigterm]][[grandchild-setsid]][[hang]]",
  "[[hang-mid]]",
  "[[crash]]",
  "[[exit:3]]",
  "[[no-result]]",
  "[[garbage]][[flood-stderr:64KB]]",
  "[[fail:529]]",
];
/** Prompts whose runs do not end by themselves. */
const HANGS = /hang/;

/** Returns a generator that gives the same numbers in every run of the test (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe(`an executor after ${RUNS} runs with random cancels and crashes`, function () {
  this.timeout(60_000 + RUNS * 2_000);

  it("has no process, file, socket or memory more than before", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ccsp-executor-soak-"));
    const queue = await startFakeQueue();
    const settings = { CCSP_EXECUTOR_SLOTS: String(SLOTS), CCSP_EXECUTOR_KILL_GRACE: "100ms" };
    const executor = await startExecutorProcess({ ...testEnv(queue.port, dir), ...settings }, undefined, SMALL_HEAP);
    try {
      const count = () => countsOf(executor.pid, join(dir, "executor"));
      const random = randomFrom(SEED);
      await many(WARM_UP_RUNS, queue, random);
      const before = await atRest(count);
      const ends = await many(RUNS, queue, random);
      const after = await eventually(async () => {
        const now = await count();
        assert.deepEqual(heldIn(now), heldIn(before));
        return now;
      });
      console.table({ before, after });
      console.log("      ends:", JSON.stringify(ends));
      assert.equal(after.processes, 0);
      assert.ok(after.memory - before.memory < MEMORY_MARGIN, `grew by ${after.memory - before.memory} bytes`);
    } finally {
      await executor.stop();
      await queue.close();
      assert.equal(existsSync(join(dir, "executor")), false, "the executor left its folder");
      await rm(dir, { recursive: true, force: true });
    }
  });
});

/**
 * Runs `count` tasks, with all slots in use. Cancels some and kills the engines of others at random moments. Returns
 * how they ended.
 */
async function many(
  count: number,
  queue: FakeQueue,
  random: (below: number) => number,
): Promise<Record<string, number>> {
  const ends: Record<string, number> = {};
  let left = count;
  const worker = async () => {
    while (left-- > 0) {
      const prompt = PROMPTS[random(PROMPTS.length)] ?? "";
      const cruelty = random(4);
      const task = queue.add(prompt);
      const atMs = random(400);
      await delay(atMs);
      if (cruelty === 0) await killEngine(task);
      if (cruelty === 1 || HANGS.test(prompt)) queue.cancel(task);
      const how = await eventually(
        () => {
          const { ended } = queue.recordOf(task);
          assert.ok(ended, "still runs");
          return ended.how;
        },
        { timeoutMs: 30_000, what: `the end of ${task}, ${prompt}` },
      );
      ends[how] = (ends[how] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: SLOTS }, worker));
  return ends;
}

/** Sends SIGKILL to the engine, as the kernel's OOM killer would. Its sandbox lives on. */
async function killEngine(task: string): Promise<void> {
  for (const pid of engineProcesses(await processesOf(task))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("scripted-engine")) process.kill(pid, "SIGKILL");
    } catch {
      // The process is gone already.
    }
  }
}

type Counts = Awaited<ReturnType<typeof countsOf>>;

/** All but the memory, which is never quite the same. */
const heldIn = ({ processes, files, descriptors, sockets }: Counts) => ({ processes, files, descriptors, sockets });

/** The counts when they do not change any more: what the last runs used may still be closing when they have ended. */
async function atRest(count: () => Promise<Counts>): Promise<Counts> {
  let last: Counts | undefined;
  let unchanged = 0;
  return await eventually(async () => {
    const now = await count();
    unchanged = last && isDeepStrictEqual(heldIn(now), heldIn(last)) ? unchanged + 1 : 0;
    last = now;
    assert.ok(unchanged >= 5, "the counts still change");
    return now;
  });
}

/** The executor's open files, and what its runs left on the host. */
async function countsOf(pid: number, dir: string) {
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return "";
    }
  });
  const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return {
    processes: (await processesOf()).length,
    files: readdirSync(dir, { recursive: true }).length,
    descriptors: targets.filter((target) => target !== "").length,
    sockets: targets.filter((target) => target.startsWith("socket:")).length,
    memory: Number(rss) * 1024,
  };
}
