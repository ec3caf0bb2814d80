import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Fleet,
  type FleetOptions,
  type PartFailed,
  type PartProgress,
  SERVICES,
  startFleet,
  whyNoConsul,
} from "@ccsp/fleet";

const DEPLOY = fileURLToPath(new URL("../../../deploy/", import.meta.url));

// A stand-in for all services. It is ready immediately, prints its settings, and ends as the setting STUB says.
const SERVICE = `
  const name = process.env.CCSP_INSTANCE.replace(/-[0-9]+$/, "");
  if (process.env.STUB === "refuses-settings") {
    console.error("CCSP_X must be a number");
    process.exit(2);
  }
  if (process.env.STUB === "does-not-start") {
    console.log(JSON.stringify({ level: "fatal", msg: "start failed", err: { message: "no engine" } }));
    process.exit(1);
  }
  const names = name === "single" ? ${JSON.stringify(SERVICES)} : [name];
  for (const one of names) {
    const [host, port] = process.env["CCSP_" + one.toUpperCase() + "_OPS_LISTEN"].split(":");
    const failing = process.env.STUB === "misses-queue" ? { queue: "no connection" } : {};
    const answerTo = ({ url }) => (url === "/health?verbose" ? { state: "ready", failing } : process.env);
    if (process.env.STUB === "never-answers") continue;
    process.getBuiltinModule("node:http").createServer((request, response) => response.end(JSON.stringify(answerTo(request)))).listen(port, host);
  }
  setInterval(() => {}, 1_000_000);
  process.on("SIGTERM", () => {
    console.log("stopping " + name);
    process.exit(process.env.STUB === "fails-to-stop" ? 1 : 0);
  });
`;

describe("startFleet", function () {
  this.timeout(60_000);
  let root: string;
  let lines: string[];
  let fleet: Fleet | undefined;

  const start = async (options: Partial<FleetOptions> = {}) => {
    lines = [];
    const onLine = (line: string, { name }: { name: string }) => void lines.push(`${name}: ${line}`);
    fleet = await startFleet({ root, dataDir: join(root, "data"), ports: "free", onLine, ...options });
    return fleet;
  };
  beforeEach(async () => {
    root = await createStubRepository();
  });
  afterEach(async () => {
    await fleet?.stop();
    fleet = undefined;
    await rm(root, { recursive: true });
  });

  it("runs five services on Redis and Consul, each with the addresses to use and to listen on", async () => {
    const running = await start({
      env: { CCSP_ANSWER: "42" },
      serviceEnv: { queue: { CCSP_ANSWER: "43" } },
      replicas: { executor: 2 },
    });
    await running.ready();
    const envs = await Promise.all(running.processes().map(({ ports }) => environmentAt(ports.ops)));
    assert.deepEqual(
      envs.map((env) => [env["CCSP_INSTANCE"], env["CCSP_ANSWER"]]),
      [
        ["gateway-1", "42"],
        ["executor-1", "42"],
        ["executor-2", "42"],
        ["monitor-1", "42"],
        ["notification-1", "42"],
        ["queue-1", "43"],
      ],
    );
    for (const env of envs) {
      const [service = ""] = (env["CCSP_INSTANCE"] ?? "").split("-");
      assert.equal(env["CCSP_REDIS_URL"], service === "executor" ? undefined : running.redis.urlFor(service));
      assert.equal(env["CCSP_CONSUL_URL"], whyNoConsul() === undefined ? running.consul.url : "");
      assert.equal(env["HOME"], undefined);
    }
    assert.deepEqual(
      envs.slice(1, 3).map((env) => [env["CCSP_EXECUTOR_ID"], env["CCSP_EXECUTOR_DIR"]]),
      [
        ["executor-1", join(root, "data", "executor-1")],
        ["executor-2", join(root, "data", "executor-2")],
      ],
    );
    assert.equal(`127.0.0.1:${running.processes()[0]?.ports.grpc}`, running.gatewayAddress);
  });

  it("works without Consul where Consul is not installed, says so, and gives clients of the queue its address", async () => {
    const before = process.env["CCSP_WITHOUT_CONSUL"];
    process.env["CCSP_WITHOUT_CONSUL"] = "1";
    try {
      const running = await start({ replicas: { queue: 2 } });
      await running.ready();
      const parts = running.processes();
      const queues = parts.filter(({ name }) => name === "queue").map(({ ports }) => `127.0.0.1:${ports.grpc}`);
      for (const { name, ports } of parts) {
        const env = await environmentAt(ports.ops);
        const asks = ["gateway", "executor", "monitor"].includes(name);
        assert.equal(env["CCSP_QUEUE_TARGET"], asks ? `static:///${queues.join(",")}` : undefined);
        assert.equal(env["CCSP_CONSUL_URL"], "");
      }
      assert.throws(() => running.consul, /no Consul of its own/);
      assert.deepEqual(
        lines.filter((line) => line.startsWith("fleet: ")),
        ["fleet: without Consul (CCSP_WITHOUT_CONSUL is 1): services find each other by fixed addresses"],
      );
    } finally {
      if (before === undefined) delete process.env["CCSP_WITHOUT_CONSUL"];
      else process.env["CCSP_WITHOUT_CONSUL"] = before;
    }
  });

  it("restarts a killed service at the same address, and does not touch the others", async () => {
    const running = await start();
    await running.ready();
    const before = running.processes();
    await running.kill9("queue");
    await running.ready();
    for (const [at, after] of running.processes().entries()) {
      assert.deepEqual(after.ports, before[at]?.ports);
      assert.equal(after.restarts, after.name === "queue" ? 1 : 0);
      assert.equal(after.process.pid !== before[at]?.process.pid, after.name === "queue");
    }
    assert.ok(lines.includes("fleet: queue-1 ended (SIGKILL); restart in 200 ms"));
  });

  it("reports how a replica ended that was stopped", async () => {
    const running = await start({
      replicas: { gateway: 2 },
      serviceEnv: { monitor: { STUB: "fails-to-stop" } },
    });
    await running.ready();
    assert.deepEqual(await running.terminate("gateway", 1), { code: 0, signal: null });
    assert.deepEqual(await running.terminate("monitor"), { code: 1, signal: null });
    await assert.rejects(async () => running.terminate("queue", 1), /no queue with index 1/);
  });

  it("stops in order, and leaves no process behind, while Redis keeps its data", async () => {
    const running = await start();
    await running.ready();
    const consul = whyNoConsul() === undefined ? [running.consul.pid] : [];
    const pids = [...running.processes().map(({ process: { pid } }) => pid), running.redis.pid, ...consul];
    await Promise.all([running.stop(), running.stop(), running.waitStopped()]);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
    assert.deepEqual(
      lines.flatMap((line) => / stopping (\w+)/.exec(line)?.[1] ?? []),
      ["gateway", "executor", "monitor", "notification", "queue"],
    );
    assert.ok(existsSync(join(root, "data", "redis", "appendonlydir")));
  });

  it("restarts Redis when it crashes, but not when a test stopped it", async () => {
    const { redis } = await start();
    const { pid } = redis;
    process.kill(pid, "SIGKILL");
    await until(() => assert.notEqual(redis.pid, pid));

    const second = redis.pid;
    await redis.kill9();
    await redis.restart();
    assert.notEqual(redis.pid, second);
    assert.equal(lines.filter((line) => line.startsWith("fleet: redis ended")).length, 1);
  });

  it("runs all five in one process when configured as single", async () => {
    const running = await start({ single: true });
    await running.ready();
    assert.equal(running.processes().length, 5);
    assert.equal(new Set(running.processes().map(({ process: { pid } }) => pid)).size, 1);
  });

  it("reports at once which service refuses its settings, with the service's message", async () => {
    const running = await start({ serviceEnv: { executor: { STUB: "refuses-settings" } } });
    await assert.rejects(running.ready(), { message: "executor-1 did not start: CCSP_X must be a number" });
  });

  it("ends at the first process that does not start, and tells how far each part was", async () => {
    const told: PartProgress[] = [];
    const running = await start({
      serviceEnv: { executor: { STUB: "does-not-start" } },
      onProgress: (progress) => void told.push(progress),
    });
    await assert.rejects(running.ready(), { message: "executor-1 did not start: start failed: no engine" });
    await running.stop({ quickly: true });
    const states = (part: string) => told.filter((each) => each.part === part).map(({ state }) => state);
    assert.deepEqual(states("redis"), ["starting", "ready", "stopping", "stopped"]);
    assert.deepEqual(states("executor-1"), ["starting", "failed", "stopping", "stopped"]);
    assert.equal(told.find(({ state }) => state === "failed")?.why, "start failed: no engine");
    assert.ok(lines.includes("fleet: executor-1 ended (exit 1); it stays down"));
  });

  it("gives up when no part makes progress: it names the one that is the least far, and what each waits for", async () => {
    const running = await start({
      startLimitMs: 300,
      redisUrl: "redis://127.0.0.1:1",
      consulUrl: "",
      serviceEnv: { gateway: { STUB: "misses-queue" }, executor: { STUB: "never-answers" } },
    });
    // Each of the others has to be as far as it gets, however long the machine takes for that.
    const others = running.processes().filter(({ name }) => name !== "executor");
    for (const { ports } of others) await until(() => environmentAt(ports.ops));
    await assert.rejects(running.ready(), (error: PartFailed) => {
      assert.equal(error.part, "executor-1");
      assert.match(
        error.message,
        /^executor-1 did not start: its start made no progress for 300ms: it does not answer yet \(connect ECONNREFUSED/,
      );
      assert.deepEqual(error.output, ["gateway-1: it waits for queue (no connection)"]);
      return true;
    });
  });

  it("names a Redis that never answers", async () => {
    const before = process.env["REDIS_SERVER_BIN"];
    const silent = join(root, "silent-redis");
    await writeFile(silent, "#!/bin/sh\nexec sleep 60\n", { mode: 0o700 });
    process.env["REDIS_SERVER_BIN"] = silent;
    try {
      await assert.rejects(start({ startLimitMs: 300 }), {
        part: "redis",
        message:
          /^redis did not start: .* is not ready, and its start made no progress for 300ms: connect ECONNREFUSED/,
      });
    } finally {
      if (before === undefined) delete process.env["REDIS_SERVER_BIN"];
      else process.env["REDIS_SERVER_BIN"] = before;
    }
  });

  it("names a Redis that does not start, with its last output", async () => {
    const before = process.env["REDIS_SERVER_BIN"];
    const failing = join(root, "failing-redis");
    await writeFile(failing, '#!/bin/sh\necho "Fatal: the port is taken"\nexit 1\n', { mode: 0o700 });
    process.env["REDIS_SERVER_BIN"] = failing;
    try {
      await assert.rejects(start(), {
        name: "PartFailed",
        part: "redis",
        message: /^redis did not start: .* ended before it was ready \(exit 1\): Fatal: the port is taken$/,
      });
    } finally {
      if (before === undefined) delete process.env["REDIS_SERVER_BIN"];
      else process.env["REDIS_SERVER_BIN"] = before;
    }
  });

  it("names a program that is not built, and stops the programs that it had started", async () => {
    await rm(join(root, "services", "queue"), { recursive: true });
    await assert.rejects(start(), /queue\/dist\/main.js does not exist: build first/);
    assert.ok(lines.includes("gateway-1: stopping gateway") || !lines.some((line) => line.startsWith("gateway")));
  });
});

async function createStubRepository(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "ccsp-fleet-"));
  const put = async (path: string, text: string) => {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(join(root, path), text);
  };
  await put("packages/telemetry/dist/register.js", "");
  await put("packages/cli/bin/ccsp.js", SERVICE);
  for (const name of SERVICES) {
    await put(`services/${name}/dist/main.js`, SERVICE);
  }
  for (const path of ["redis.conf", "redis", "consul"]) {
    await cp(join(DEPLOY, path), join(root, "deploy", path), { recursive: true });
  }
  return root;
}

async function environmentAt(port: number): Promise<Record<string, string>> {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const env: Record<string, string> = JSON.parse(await response.text());
  return env;
}

/** Repeats `check` until it does not throw. Only a failing test waits that long. */
async function until(check: () => unknown): Promise<void> {
  for (const deadline = Date.now() + 10_000; ; ) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
