import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startRedis } from "@ccsp/fleet";
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

describe("an executor that is killed with eight runs, and the real queue", function () {
  this.timeout(90_000);
  const opened: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
    await expectProcesses(0);
  });

  it("leaves no process of them after its restart, and each task runs once more and finishes", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
    opened.push(() => rm(dir, { recursive: true, force: true }));
    const redis = await startRedis();
    opened.push(() => redis.stop());
    const path = process.env["PATH"] ?? "";
    const env = { PATH: path, CCSP_REDIS_URL: redis.url, CCSP_CONSUL_URL: "" };
    const service = await startServiceProcess({ name: "queue", folder: QUEUE, env });
    opened.push(() => service.stop());
    const queue = createClient(QueueServiceService, service.address);
    opened.push(async () => queue.close());

    const executorEnv = {
      ...testEnv(0, dir),
      CCSP_QUEUE_TARGET: service.address,
      CCSP_EXECUTOR_SLOTS: String(RUNS),
    };
    const boot = async () => {
      const executor = await startExecutorProcess(executorEnv);
      opened.push(() => executor.stop());
      return executor;
    };
    const counted = (index: number) => join(dir, `runs-of-${index}`);
    const tasks = await Promise.all(
      Array.from({ length: RUNS }, async (_, index) => {
        const how = index % 2 === 0 ? "[[ignore-sigterm]]" : "[[grandchild]]";
        const prompt = `[[first:1:${counted(index)}]][[hang]][[grandchild-setsid]]${how} task ${index}`;
        const { task } = await queue.enqueue({
          agentId: "agent",
          spec: TaskSpec.fromPartial({ engine: "claude-code", prompt }),
          requestId: "",
        });
        return task?.id ?? "";
      }),
    );

    const first = await boot();
    // Each run has an engine and a grandchild. Every second run also has a child in its process group.
    const pids = await eventually(() => expectProcesses(RUNS * 2 + RUNS / 2), { timeoutMs: 30_000 });
    first.kill("SIGKILL");
    await first.exited;
    await boot();
    for (const [index, id] of tasks.entries()) {
      const task = await eventually(
        async () => {
          const { task } = await queue.get({ taskId: id, agentId: "agent" });
          assert.equal(TaskState[task?.state ?? 0], "SUCCEEDED");
          return task;
        },
        { timeoutMs: 30_000, what: `the end of task ${index}` },
      );
      assert.equal(task?.result?.text, `You said: task ${index}`);
      assert.equal((await readFile(counted(index))).length, 2, "runs");
    }
    assert.deepEqual(pids.filter(readStat), []);
  });
});
