import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ManagedProcess, type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type Task, TaskSpec, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { startExecutorProcess } from "./executor-process.js";
import { expectProcesses } from "./processes.js";
import { testEnv } from "./rig.js";

const QUEUE = fileURLToPath(new URL("../../queue", import.meta.url));

/** A Redis and a queue for each test of one suite, whose hooks it registers, and executors as processes of their own. */
export function useRealQueue() {
  const opened: (() => Promise<unknown>)[] = [];
  let dir = "";
  let redis: RedisServer;
  let service: ServiceProcess;
  let client: ReturnType<typeof createClient<QueueServiceService>>;

  /** Starts the queue at another address: an executor has to be started after it. */
  async function startQueue(): Promise<void> {
    const env = { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_CONSUL_URL: "" };
    service = await startServiceProcess({ name: "queue", folder: QUEUE, env });
    opened.push(() => service.stop());
    client = createClient(QueueServiceService, service.address);
    opened.push(async () => client.close());
  }
  const get = async (taskId: string): Promise<Task | undefined> =>
    (await client.get({ taskId, agentId: "agent" })).task;

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

  return {
    startQueue,
    get,
    /** A file in the folder of the test. */
    file: (...names: readonly string[]): string => join(dir, ...names),
    process: (): ManagedProcess => service.process,
    async startExecutor(env: Readonly<Record<string, string>>): Promise<ManagedProcess> {
      const executor = await startExecutorProcess({
        ...testEnv(0, dir),
        CCSP_QUEUE_TARGET: service.address,
        ...env,
      });
      opened.push(() => executor.stop());
      return executor;
    },
    async add(prompt: string, spec: Partial<TaskSpec> = {}): Promise<string> {
      const full = TaskSpec.fromPartial({ engine: "claude-code", prompt, ...spec });
      return (await client.enqueue({ agentId: "agent", spec: full, requestId: "" })).task?.id ?? "";
    },
    succeeded: (id: string): Promise<Task | undefined> =>
      eventually(
        async () => {
          const task = await get(id);
          assert.equal(TaskState[task?.state ?? 0], "SUCCEEDED");
          return task;
        },
        { timeoutMs: 30_000, what: `the end of ${id}` },
      ),
  };
}
