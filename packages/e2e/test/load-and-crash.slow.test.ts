import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type CcspClient, createCcspClient, type RunEvent, type TaskInput } from "@ccsp/client";
import { monitorClient, queueClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";

const AGENTS = ["ann", "bob", "cem", "dai"];
const TASKS = 200;
/** Runs at once, of both executors together. */
const SLOTS = 4;
const PRIORITIES = ["urgent", "high", "normal", "low"] as const;

describe("200 tasks from 4 agents through the real CLI, with 2 executors, while each part is killed in turn", function () {
  this.timeout(600_000);
  let world: World;
  before(async () => {
    world = await startWorld({ replicas: { executor: 2 }, slots: SLOTS / 2, env: { CCSP_QUEUE_LEASE: "5s" } });
  });
  after(() => world.close());

  it("loses no accepted task, writes no result twice, keeps the order of classes, and leaves no engine process", async () => {
    const finished = { count: 0 };
    const all = runAll(world, TASKS, finished);
    const victims = [
      () => world.fleet.kill9("executor", 0),
      () => world.fleet.kill9("queue"),
      () => world.fleet.kill9("gateway"),
      () => world.fleet.kill9("monitor"),
      () => world.fleet.kill9("notification"),
      async () => {
        await world.fleet.redis.kill9();
        await world.fleet.redis.restart();
      },
      () => world.fleet.kill9("executor", 1),
    ];
    for (const [index, kill] of victims.entries()) {
      const mark = Math.floor(((index + 1) * TASKS) / (victims.length + 2));
      await eventually(() => assert.ok(finished.count >= mark), {
        timeoutMs: 120_000,
        what: `${mark} tasks to finish`,
      });
      await kill();
    }
    const runs = await all;
    assert.equal(runs.filter((run) => run.state === "SUCCEEDED").length, TASKS);
    const cut = runs.filter(({ isCut }) => isCut).length;
    assert.ok(cut <= victims.length * SLOTS, `${cut} logs lack their end: more than ran when something was killed`);
    await assertEachOnce(world, runs);
    assertClassesInTurn(runs);

    const usage = monitorClient(world);
    await eventually(
      async () => {
        const { rows } = await usage.getUsage({});
        const completed = rows.reduce((sum, row) => sum + row.runs - row.failedRuns, 0n);
        assert.equal(completed, BigInt(TASKS));
      },
      { timeoutMs: 30_000, what: "each task to be counted once" },
    );
    usage.close();
    await eventually(async () => assert.deepEqual(await engineProcesses(world.dataDir), []), {
      timeoutMs: 20_000,
      what: "the last engine process to be gone",
    });
  });
});

interface Run {
  readonly taskId: string;
  readonly agent: string;
  readonly priority: TaskInput["priority"];
  readonly startedMs: number;
  readonly state: string;
  /** The log lacks the end of the text. */
  readonly isCut: boolean;
}

/** Submits `count` tasks from four agents at once and watches each to its end. */
async function runAll(world: World, count: number, finished = { count: 0 }): Promise<Run[]> {
  const clients = new Map(AGENTS.map((agent) => [agent, patientClient(world, agent)]));
  const runs = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const agent = AGENTS[index % AGENTS.length] as string;
      const priority = PRIORITIES[Math.floor(index / AGENTS.length) % PRIORITIES.length] as (typeof PRIORITIES)[number];
      const run = await follow(clients.get(agent) as CcspClient, { prompt: `task ${index}`, priority }, index);
      finished.count += 1;
      return { ...run, agent, priority };
    }),
  );
  for (const client of clients.values()) client.close();
  return runs;
}

/** On a busy machine, a killed gateway, queue or Redis is away for longer than a client waits by default. */
function patientClient(world: World, agent: string): CcspClient {
  const waitMs = 300_000;
  const token = () => world.token(agent);
  return createCcspClient({ target: world.fleet.gatewayAddress, token, connectMs: waitMs, resumeMs: waitMs });
}

async function follow(client: CcspClient, task: TaskInput, index: number) {
  let taskId = "";
  let startedMs = 0;
  let text = "";
  let ended: Extract<RunEvent, { type: "ended" }> | undefined;
  for await (const event of client.run(task)) {
    if (event.type === "accepted") taskId = event.task.id;
    if (event.type === "started") {
      startedMs = Date.now();
      text = "";
    }
    if (event.type === "text") text += event.text;
    if (event.type === "ended") ended = event;
  }
  assert.ok(ended, `task ${index} (${taskId}) has no end`);
  assert.match(
    ended.result?.text ?? "",
    new RegExp(`task ${index}\\b`),
    "each agent gets the answer to its own prompt",
  );
  const { text: whole = "", notKept = [] } = ended.result ?? {};
  // The queue takes a result after the end of its lease, also from the next boot of a killed executor, but no entries of
  // the log. The result says so, and the log then has the beginning of the text.
  if (notKept.length > 0) assert.deepEqual(notKept, ["the last entries of the task's log, if the queue lacks them"]);
  const streamed = notKept.length > 0 ? whole.slice(0, text.length) : whole;
  assert.equal(text, streamed, "the text streamed by the attempt that succeeded is the result");
  return { taskId, startedMs, state: ended.state, isCut: text !== whole };
}

/**
 * The priority classes share the executors by weight (docs/queue.md). So urgent and high tasks start long before normal
 * ones, and normal ones before low ones.
 */
function assertClassesInTurn(runs: readonly Run[]): void {
  const byStart = runs.toSorted((a, b) => a.startedMs - b.startedMs);
  const places = (priority: Run["priority"]) => byStart.flatMap((run, at) => (run.priority === priority ? [at] : []));
  const average = (priority: Run["priority"]) => places(priority).reduce((sum, at) => sum + at, 0) / (TASKS / 4);
  const [urgent = 0, high = 0, normal = 0, low = 0] = PRIORITIES.map(average);
  assert.ok(Math.max(urgent, high) < normal && normal < low, [urgent, high, normal, low].join(", "));
}

/** Reads the whole log of each task again: the sequence numbers have no gap, and there is exactly one end. */
async function assertEachOnce(world: World, runs: readonly Run[]): Promise<void> {
  assert.equal(new Set(runs.map((run) => run.taskId)).size, runs.length);
  const queue = queueClient(world);
  try {
    for (const { taskId, agent } of runs) {
      const sequences: number[] = [];
      let ends = 0;
      for await (const { event } of queue.watch({ taskId, agentId: agent, afterSequence: 0 })) {
        assert.ok(event);
        sequences.push(event.sequence);
        if (event.event?.$case === "taskEnded") ends += 1;
      }
      assert.deepEqual(
        sequences,
        sequences.map((_, index) => index + 1),
        `log of ${taskId}`,
      );
      assert.equal(ends, 1, `ends of ${taskId}`);
    }
  } finally {
    queue.close();
  }
}

/** Finds the engine processes of this world: their environment names its data folder and contains the run cookie. */
async function engineProcesses(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environ.includes("CCSP_RUN=") && environ.includes(dataDir)) {
      const { stdout } = await promisify(execFile)("ps", ["-o", "args=", "-p", pid]).catch(() => ({ stdout: "gone" }));
      found.push(`${pid} ${stdout.trim()}`);
    }
  }
  return found;
}
