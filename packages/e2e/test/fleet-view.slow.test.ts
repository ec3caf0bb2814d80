import assert from "node:assert/strict";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { rawRpc } from "@ccsp/e2e-kit/rpcs.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { createClient } from "@ccsp/grpc-kit";
import { AgentServiceService, GetTaskRequest } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { Slo } from "@ccsp/protos/ccsp/monitor/v1/slo.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";

const SOON = { timeoutMs: 30_000 };

/** The tests follow each other: what one kills stays dead. */
describe("the fleet as operators see it, with two monitors and two executors", function () {
  this.timeout(120_000);
  let world: World;
  let redis: Redis;
  let operator: ReturnType<typeof createClient<OperatorServiceService>>;
  let agent: ReturnType<typeof createClient<AgentServiceService>>;
  before(async () => {
    world = await startWorld({
      engine: "scripted",
      replicas: { monitor: 2, executor: 2 },
      restart: false,
      env: { CCSP_HEARTBEAT: "300ms", CCSP_MONITOR_LATE_AFTER: "2s", CCSP_MONITOR_GONE_AFTER: "8s" },
    });
    redis = new Redis(world.fleet.redis.url);
    operator = createClient(OperatorServiceService, world.fleet.gatewayAddress);
    agent = createClient(AgentServiceService, world.fleet.gatewayAddress);
  });
  after(async () => {
    operator?.close();
    agent?.close();
    redis?.disconnect();
    await world?.close();
  });

  const as = async (name: string, timeoutMs = 10_000) => ({
    metadata: { authorization: `Bearer ${await world.token(name, { scopes: ["admin"] })}` },
    timeoutMs,
  });
  const metrics = async () => operator.getGlobalMetrics({}, await as("ada"));
  const slo = async (name: string): Promise<Slo> => {
    const found = (await operator.getSlos({}, await as("ada"))).slos.find((each) => each.name === name);
    assert.ok(found);
    return found;
  };
  const told = async (instance: string) =>
    (await redis.xrange(eventsKey(0), "-", "+")).flatMap(([id, fields]) => {
      const data = decodeEvent(0, id, fields)?.data;
      return data?.$case === "systemHealth" && data.value.instance === instance ? [data.value.state] : [];
    });

  it("has every instance with its version, its certificate and its use of the host, and what waits and runs", async () => {
    const found = await eventually(async () => {
      const now = await metrics();
      assert.deepEqual(
        now.instances.map(({ report, health }) => `${report?.service} ${report?.instance} ${health}`),
        [
          "executor executor-1 ok",
          "executor executor-2 ok",
          "gateway gateway-1 ok",
          "monitor monitor-1 ok",
          "monitor monitor-2 ok",
          "notification notification-1 ok",
          "queue queue-1 ok",
        ],
      );
      assert.deepEqual([now.slots, now.activeRuns, now.queue?.waiting], [4, 0, 0n]);
      return now;
    }, SOON);
    for (const { report } of found.instances) {
      assert.match(report?.version ?? "", /^\d+\.\d+\.\d+$/);
      assert.ok((report?.certificateExpireTime?.getTime() ?? 0) > Date.now(), report?.instance);
      assert.ok((report?.resources?.memoryBytes ?? 0n) > 10_000_000n);
      assert.ok((report?.resources?.diskFreeShare ?? 0) > 0);
      assert.ok(durationMs(report?.uptime) > 0);
    }
  });

  it("streams the metrics to dashboards: all at once at the start, then each change", async () => {
    const client = world.client("ann");
    const { id } = await client.submit({ prompt: "[[hang]]" });
    const { metadata } = await as("ada");
    const leave = new AbortController();
    const seen: (number | undefined)[] = [];
    for await (const { metrics: now } of operator.watchMetrics({}, { metadata, signal: leave.signal })) {
      assert.equal(now?.instances.length, 7);
      if (now.activeRuns === 1 && !seen.includes(1)) await client.cancel(id);
      seen.push(now.activeRuns);
      if (seen.includes(1) && now.activeRuns === 0) break;
    }
  });

  it("counts the calls and starts of each process once, and no fault of a caller or a task as CCSP's", async () => {
    const before = await eventually(async () => {
      const start = await slo("start-normal");
      assert.ok(start.total > 0n);
      const calls = await slo("availability");
      assert.ok(calls.total >= 2n, "the submission and the cancel of the test before are not counted yet");
      return calls;
    }, SOON);
    const wrong = async () =>
      agent.submitTask({ spec: undefined }, await as("ann")).then(
        () => assert.fail("an empty task was accepted"),
        () => {},
      );
    for (let i = 0; i < 19; i += 1) await wrong();
    await agent.getCapabilities({}, await as("ann"));
    const after = await eventually(async () => {
      const now = await slo("availability");
      assert.ok(now.total >= before.total + 20n, `${before.total} + 20 calls, ${now.total} are counted`);
      return now;
    }, SOON);
    assert.deepEqual([after.total - before.total, after.bad, (await slo("errors")).bad], [20n, 0n, 0n]);
    assert.equal((await slo("latency")).p95 !== undefined, true);
  });

  it("shows a killed executor as late, then no more, and reports each once", async () => {
    const before = await told("executor-2");
    await world.fleet.kill9("executor", 1);
    await eventually(async () => {
      const late = (await metrics()).instances.find(({ report }) => report?.instance === "executor-2");
      assert.deepEqual([late?.health, late?.why], ["late", "no heartbeat for 2 s"]);
    }, SOON);
    await eventually(async () => assert.equal((await metrics()).instances.length, 6), SOON);
    await eventually(async () => assert.deepEqual(await told("executor-2"), [...before, "late", "gone"]), SOON);
  });

  it("burns the budget of availability while the queue hangs, and not that of errors", async () => {
    const { bad } = await slo("availability");
    const queue = world.fleet.processes().find(({ name }) => name === "queue")?.process.pid;
    assert.ok(queue);
    // Only the gateway knows the deadline, so it ends each call. With a deadline here too, chance decides who is first.
    const raw = createClient({ ask: rawRpc(AgentServiceService.getTask.path, true) }, world.fleet.gatewayAddress);
    const { metadata } = await as("ann");
    const ask = async () => {
      const bytes = Buffer.from(GetTaskRequest.encode({ taskId: "0-01k7h8zq3v5c9m2n4p6r8s0t1w" }).finish());
      for await (const _ of raw.ask({ bytes }, { metadata: { ...metadata, "grpc-timeout": "3000m" } }));
    };
    process.kill(queue, "SIGSTOP");
    try {
      await Promise.all(Array.from({ length: 10 }, () => assert.rejects(ask())));
    } finally {
      process.kill(queue, "SIGCONT");
      raw.close();
    }
    const burning = await eventually(async () => {
      const now = await slo("availability");
      assert.equal(now.bad, bad + 10n);
      return now;
    }, SOON);
    assert.ok(burning.budgetLeft < 0);
    assert.equal(burning.burn, "fast");
    assert.equal((await slo("errors")).bad, 0n);
  });

  it("is not needed by anybody: with both monitors gone, tasks run, and each service warns once", async () => {
    const before = world.lines.length;
    await world.fleet.kill9("monitor", 0);
    await world.fleet.kill9("monitor", 1);
    const warned = () => world.lines.slice(before).filter((line) => line.includes("takes no heartbeats"));
    await eventually(() => assert.equal(warned().length, 4, "gateway, queue, executor, notification"), SOON);
    const client = world.client("ann");
    for (let i = 0; i < 5; i += 1)
      assert.equal((await collect(client.run({ prompt: "hello" }))).ended.state, "SUCCEEDED");
    assert.equal(warned().length, 4);
  });
});
