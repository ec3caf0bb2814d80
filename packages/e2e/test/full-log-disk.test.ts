import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RedisServer, SERVICES, startRedis } from "@ccsp/fleet";
import { eventually, SCRIPTED_ENGINE, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";

const FOLDER = fileURLToPath(new URL("../../../services", import.meta.url));

describe("A service whose log disk is full", function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let dir: string;
  let env: Readonly<Record<string, string>>;
  const running: ServiceProcess[] = [];
  const start = async (name: string): Promise<ServiceProcess> => {
    const service = await startServiceProcess({ name, folder: join(FOLDER, name), env, output: "/dev/full" });
    running.push(service);
    return service;
  };
  before(async () => {
    redis = await startRedis();
    dir = await mkdtemp(join(tmpdir(), "ccsp-full-"));
    env = {
      PATH: process.env["PATH"] ?? "",
      CCSP_REDIS_URL: redis.url,
      CCSP_JWT_SECRET: "a secret of this test and of nothing else",
      CCSP_EXECUTOR_DIR: join(dir, "executor"),
      CCSP_NOTIFICATION_FILE: join(dir, "notifications.jsonl"),
      CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
      CCSP_EXECUTOR_SANDBOX_READ: dirname(SCRIPTED_ENGINE),
      CCSP_EXECUTOR_SANDBOX_WRITE: dir,
      CCSP_CLAUDE_CODE_API_KEY: "fake-key",
    };
    // The other services are ready only when the queue is.
    const queue = await start("queue");
    env = { ...env, CCSP_QUEUE_TARGET: `static:///${queue.address}` };
  });
  after(async () => {
    for (const service of running.toReversed()) await service.stop();
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
  });

  for (const name of SERVICES) {
    it(`gets ready and serves as ${name}, counts the lines that it could not write, and stops in order`, async () => {
      const service = name === "queue" ? running[0] : await start(name);
      assert(service);
      await eventually(async () => {
        assert.equal(await service.ops("/ready"), 200);
        assert((await service.metric(`ccsp_log_write_failures_total{service="${name}"}`)) > 0);
      });
      if (name === "queue") return; // the queue is stopped last
      assert.deepEqual(await service.process.stop(), { code: 0, signal: null });
    });
  }
});
