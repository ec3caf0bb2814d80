import assert from "node:assert/strict";
import { load } from "@ccsp/config";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { CallError } from "@ccsp/grpc-kit";
import { runService, startService } from "@ccsp/lifecycle";
import { eventually, type LeakCheck, leakCheck } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { pino } from "pino";
import { queueService } from "../src/index.js";
import { queueKeys } from "../src/redis/keys.js";
import { result, spec, syncRequest } from "./grpc-world.js";
import { startQueue } from "./start-queue.js";

describe("the queue service", () => {
  let redis: RedisServer;
  let leaks: LeakCheck;
  beforeEach(async () => {
    leaks = leakCheck();
    redis = await startRedis();
  });
  afterEach(async () => {
    await redis.stop();
    await leaks.check();
  });

  const start = (env: Record<string, string> = {}) => startQueue(redis.url, env);

  it("serves, reports its metrics, and stops with a watcher and a waiting executor connected", async () => {
    const service = await start();
    const { task } = await service.client.enqueue({ agentId: "alice", spec: spec({ engine: "claude-code" }) });
    const { leases } = await service.client.sync(syncRequest());
    assert.equal(leases[0]?.taskId, task?.id);
    const metrics = await (await service.ops("/metrics")).text();
    assert.match(metrics, /ccsp_queue_waiting\{[^}]*engine="claude-code"[^}]*class="normal"[^}]*\} 0/);
    assert.match(metrics, /ccsp_queue_wait_seconds_count\{[^}]*class="normal"[^}]*\} 1/);

    const watch = service.client.watch({ taskId: task?.id ?? "", agentId: "alice" })[Symbol.asyncIterator]();
    await watch.next();
    const ended = assert.rejects(
      watch.next(),
      (error) => error instanceof CallError && error.reason === "SHUTTING_DOWN",
    );
    const held = leases.map(({ taskId, fence }) => ({ taskId, fence }));
    const waiting = service.client.sync(
      syncRequest({ sequence: 2n, leases: held, maxWait: { seconds: 9n, nanos: 0 } }),
    );
    const raw = new Redis(redis.url);
    await eventually(async () => assert.equal(await raw.hget(queueKeys(0).executor("ex-1"), "seq"), "2"));
    raw.disconnect();
    await service.stop();
    await ended;
    assert.deepEqual((await waiting).leases, []);
  });

  it("takes back the tasks of a lost executor", async () => {
    const service = await start({ CCSP_QUEUE_LEASE: "3s" });
    const { task } = await service.client.enqueue({ agentId: "alice", spec: spec() });
    await service.client.sync(syncRequest());
    const other = await service.client.sync(syncRequest({ executorId: "ex-2", maxWait: { seconds: 20n, nanos: 0 } }), {
      timeoutMs: 30_000,
    });
    const [lease] = other.leases;
    assert.ok(lease);
    assert.equal(lease.taskId, task?.id);
    // So that the second lease does not expire too.
    await service.client.complete({ taskId: lease.taskId, fence: lease.fence, result: result() });
    const metrics = await (await service.ops("/metrics")).text();
    assert.match(metrics, /ccsp_queue_leases_expired_total(\{[^}]*\})? 1/);
    await service.stop();
  });

  it("answers UNAVAILABLE while Redis is down, reports it only in its health, and continues when Redis is back", async () => {
    const service = await start();
    await redis.kill9();
    await eventually(async () => assert.deepEqual(await service.failing(), ["redis"]));
    assert.equal((await service.ops("/ready")).status, 200);
    const call = service.client.enqueue({ agentId: "alice", spec: spec(), requestId: "r" });
    const error = await call.catch((thrown: unknown) => thrown);
    assert.ok(error instanceof CallError, String(error));
    assert.deepEqual([error.reason, error.metadata.dependency], ["DEPENDENCY_UNAVAILABLE", "redis"]);
    await redis.restart();
    await eventually(async () => assert.deepEqual(await service.failing(), []));
    const { task } = await service.client.enqueue({ agentId: "alice", spec: spec(), requestId: "r" });
    assert.ok(task);
    await service.stop();
  }).timeout(40_000);

  for (const [what, signal] of [
    ["is gone", "SIGKILL"],
    ["hangs although its connections are open", "SIGSTOP"],
  ] as const) {
    it(`says DEPENDENCY_UNAVAILABLE, naming Redis, and not OVERLOADED, while a Redis that ${what} delays its calls`, async () => {
      // Far less than the time after which a call gives up on Redis.
      const service = await start({ CCSP_QUEUE_OVERLOAD_CALL: "200ms" });
      const enqueue = async () => {
        const call = service.client.enqueue({ agentId: "alice", spec: spec() });
        const error = await call.catch((thrown: unknown) => thrown);
        assert.ok(error instanceof CallError, String(error));
        return `${error.reason} ${error.metadata.dependency}`;
      };
      if (signal === "SIGKILL") await redis.kill9();
      else process.kill(redis.pid, signal);
      try {
        const first = enqueue();
        await eventually(async () => assert.deepEqual(await service.failing(), ["redis"]));
        const later = await Promise.all(Array.from({ length: 20 }, enqueue));
        assert.deepEqual([...new Set([await first, ...later])], ["DEPENDENCY_UNAVAILABLE redis"]);
      } finally {
        if (signal === "SIGSTOP") process.kill(redis.pid, "SIGCONT");
      }
      await service.stop();
    }).timeout(40_000);
  }

  it("does not start with a Redis that evicts tasks when its memory is full", async () => {
    const raw = new Redis(redis.url);
    await raw.config("SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru");
    raw.disconnect();
    const { config } = load({ CCSP_REDIS_URL: redis.url, CCSP_QUEUE_LISTEN: "127.0.0.1:1" }, queueService.define);
    const fatal: string[] = [];
    const told = pino({ level: "fatal" }, { write: (line) => void fatal.push(line) });
    assert.notEqual(
      await runService(told, (context) => startService(queueService, config, context), { handleSignals: false }),
      0,
    );
    assert.match(fatal.join(), /maxmemory-policy is allkeys-lru.*set noeviction/);
  });
});
