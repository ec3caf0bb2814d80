import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, startServiceProcess } from "@ccsp/testkit";
import { readStat } from "../src/supervision/proc.js";
import { startExecutorProcess } from "./executor-process.js";
import { expectProcesses } from "./processes.js";
import { testEnv } from "./rig.js";

const RUNS = 8;
const QUEUE = fileURLToPath(new URL("../../queue", import.meta.url));

describe("an executor that is killed with runs, and the real queue", function () {
  this.timeout(180_000);
  const opened: (() => Promise<unknown>)[] = [];
  let dir: string;
  let redis: RedisServer;
  let queue: ReturnType<typeof createClient<QueueServiceService>>;
  let target: string;
  let service: Awaited<ReturnType<typeof startServiceProcess>>;

  const startQueue = async () => {
    const env = { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_CONSUL_URL: "" };
    service = await startServiceProcess({ name: "queue", folder: QUEUE, env });
    opened.push(() => service.stop());
    target = service.address;
    queue = createClient(QueueServiceService, target);
    opened.push(async () => queue.close());
  };
  const boot = async () => {
    const env = { ...testEnv(0, dir), CCSP_QUEUE_TARGET: target, CCSP_EXECUTOR_SLOTS: String(RUNS) };
    const executor = await startExecutorProcess(env);
    opened.push(() => executor.stop());
    return executor;
  };
  const add = async (prompt: string): Promise<string> => {
    const spec = TaskSpec.fromPartial({ engine: "claude-code", prompt });
    return (await queue.enqueue({ agentId: "agent", spec, requestId: "" })).task?.id ?? "";
  };
  const ended = (id: string) =>
    eventually(
      async () => {
        const { task } = await queue.get({ taskId: id, agentId: "agent" });
        assert.equal(TaskState[task?.state ?? 0], "SUCCEEDED");
        return task;
      },
      { timeoutMs: 30_000, what: `the end of ${id}` },
    );

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
    opened.push(() => rm(dir, { recursive: true, force: true }));
    redis = await startRedis();
    opened.push(() => redis.stop());
    await startQueue();
  });
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
    await expectProcesses(0);
  });

  it("leaves no process of them after its restart, and each task runs once more and finishes", async () => {
    const counted = (index: number) => join(dir, `runs-of-${index}`);
    const tasks = await Promise.all(
      Array.from({ length: RUNS }, (_, index) => {
        const how = index % 2 === 0 ? "[[ignore-sigterm]]" : "[[grandchild]]";
        return add(`[[first:1:${counted(index)}]][[hang]][[grandchild-setsid]]${how} task ${index}`);
      }),
    );

    const first = await boot();
    // Each run has an engine and a grandchild. Every second run also has a child in its process group.
    const pids = await eventually(() => expectProcesses(RUNS * 2 + RUNS / 2), { timeoutMs: 30_000 });
    first.kill("SIGKILL");
    await first.exited;
    await boot();
    for (const [index, id] of tasks.entries()) {
      assert.equal((await ended(id))?.result?.text, `You said: task ${index}`);
      assert.equal((await readFile(counted(index))).length, 2, "runs");
    }
    assert.deepEqual(pids.filter(readStat), []);
  });

  it("tells a queue that was away what has ended meanwhile, and nothing of it runs again", async () => {
    const [gate, runs] = [join(dir, "gate"), join(dir, "runs")];
    const id = await add(`[[first:9:${runs}]][[gate:${gate}]][[text:once]]`);
    const first = await boot();
    await eventually(async () => assert.equal((await queue.get({ taskId: id, agentId: "agent" })).task?.attempt, 1));
    service.process.kill("SIGKILL");
    await service.process.exited;
    await writeFile(gate, "");
    const ends = join(dir, "executor", "ends");
    const [name = ""] = await eventually(async () => {
      const names = await readdir(ends);
      assert.ok(names[0]?.endsWith(".complete"));
      return names;
    });
    assert.equal((await stat(join(ends, name))).mode & 0o777, 0o600);
    first.kill("SIGKILL");
    await first.exited;

    await startQueue();
    await boot();
    const task = await ended(id);
    assert.deepEqual([task?.result?.text, task?.attempt, (await readFile(runs)).length], ["once", 1, 1]);
    await eventually(async () => assert.deepEqual(await readdir(ends), []));
  });
});
