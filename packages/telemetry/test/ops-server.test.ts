import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { declaredMetrics, declareTracedHistogram } from "@ccsp/metrics";
import { pino } from "pino";
import { Counter } from "prom-client";
import { describeError } from "../src/describe-error.js";
import { type Check, createMetrics, type OpsServer, serveOps } from "../src/index.js";

const log = pino({ level: "silent" });
const LOOPBACK = { host: "127.0.0.1", port: 0 };

describe("the ops port", () => {
  const open: OpsServer[] = [];
  const serve = async (checks: Readonly<Record<string, Check>> = {}) => {
    const registry = createMetrics("queue");
    const ops = await serveOps({ listen: LOOPBACK, registry, log, checks });
    open.push(ops);
    const get = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${ops.port}${path}`, init);
    return { ops, registry, get };
  };

  afterEach(async () => {
    for (const ops of open.splice(0)) await ops.close();
    // Another test of this process compares the declarations of the services with their page.
    const declared = declaredMetrics();
    assert.ok(declared instanceof Map);
    declared.delete("test_seconds");
  });

  it("serves the process's metrics and the service's own, labelled with the service", async () => {
    const { registry, get } = await serve();
    const counter = new Counter({ name: "tasks_total", help: "tasks", registers: [registry] });
    counter.inc();
    const response = await get("/metrics");
    assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0.0.4/);
    const text = await response.text();
    assert.match(text, /^tasks_total\{service="queue"\} 1$/m);
    assert.match(text, /^nodejs_eventloop_lag_seconds\{service="queue"\}/m);
    assert.match(text, /^process_resident_memory_bytes\{service="queue"\}/m);
  });

  it("shows the newest sampled trace of each bucket in OpenMetrics, and nothing of it in the text format", async () => {
    const { registry, get } = await serve();
    new Counter({ name: "tasks_total", help: "tasks", registers: [registry] }).inc();
    const about = { name: "test_seconds", help: "A time", labels: { kind: ["a", "b"] }, buckets: [0.1, 1, 5] };
    const observe = declareTracedHistogram(about)(registry);
    const trace = (traceId: string) => ({ traceId: traceId.repeat(32), traceFlags: 1 });
    observe({ kind: "a" }, 0.5, trace("1"));
    observe({ kind: "a" }, 0.6, trace("2"));
    observe({ kind: "a" }, 0.7, { traceId: "3".repeat(32), traceFlags: 0 });
    observe({ kind: "a" }, 7, trace("4"));
    observe({ kind: "b" }, 0.5, undefined);
    const text = await (await get("/metrics")).text();
    assert.doesNotMatch(text, /#.*trace_id|# EOF/);

    const accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const response = await get("/metrics", { headers: { accept } });
    assert.match(response.headers.get("content-type") ?? "", /^application\/openmetrics-text; version=1.0.0/);
    const open = await response.text();
    assert.match(open, /^tasks_total\{service="queue"\} 1$/m);
    assert.match(open, /\n# EOF\n$/);
    const examples = open.matchAll(/^(test_seconds_bucket\S+) \d+ # \{trace_id="(\d)\d{31}"\} ([\d.]+) \d+\.\d+$/gm);
    assert.deepEqual(
      [...examples].map((example) => example.slice(1)),
      [
        ['test_seconds_bucket{le="1",service="queue",kind="a"}', "2", "0.6"],
        ['test_seconds_bucket{le="+Inf",service="queue",kind="a"}', "4", "7"],
      ],
    );

    const again = await (await get("/metrics")).text();
    const namesOf = (page: string) => [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.deepEqual(namesOf(again), namesOf(text));
  });

  it("names its address when it cannot listen there, since a log has no other message of the system's error", async () => {
    const { ops } = await serve();
    const listen = { host: "127.0.0.1", port: ops.port };
    await assert.rejects(serveOps({ listen, registry: createMetrics("queue"), log, checks: {} }), (error) => {
      assert.equal(
        describeError(error).message,
        `the ops port cannot listen on 127.0.0.1:${ops.port}: EADDRINUSE listen`,
      );
      return true;
    });
  });

  it("keeps the metrics of two services in one process apart", async () => {
    const [queue, gateway] = [createMetrics("queue"), createMetrics("gateway")];
    for (const registry of [queue, gateway]) {
      registry.registerMetric(new Counter({ name: "calls_total", help: "calls", registers: [] }));
    }
    assert.match(await queue.metrics(), /service="queue"/);
    assert.doesNotMatch(await queue.metrics(), /service="gateway"/);
  });

  it("is ready from the end of the start to the begin of the drain, whatever state its dependencies have, and checks none of them", async () => {
    let asked = 0;
    const redis = () => {
      asked += 1;
      throw new Error("connection refused");
    };
    const { ops, get } = await serve({ redis });
    const ready = async () => {
      const response = await get("/ready");
      return [response.status, await response.json()];
    };
    assert.deepEqual(await ready(), [503, { status: "starting" }]);
    ops.setReady();
    assert.deepEqual(await ready(), [200, { status: "ready" }]);
    ops.setDraining();
    ops.setReady();
    assert.deepEqual(await ready(), [503, { status: "draining" }]);
    assert.equal(asked, 0);
  });

  it("answers a question about its readiness, asked just before the end of the start or of the service, by what it becomes", async () => {
    for (const [become, status] of [
      ["setReady", 200],
      ["setDraining", 503],
    ] as const) {
      const { ops, get } = await serve();
      const asked = get("/ready");
      await get("/health");
      ops[become]();
      assert.equal((await asked).status, status);
    }
  });

  it("reports the current state of its dependencies in verbose health, and stays alive meanwhile", async () => {
    let away = true;
    const redis = async () => {
      if (away) throw new Error("connection refused");
    };
    const { ops, get } = await serve({ redis, queue: () => {} });
    const health = async (path: string) => {
      const response = await get(path);
      assert.equal(response.status, 200);
      return response.json();
    };
    const verbose = { status: "alive", state: "starting", failing: { redis: "connection refused" } };
    assert.deepEqual(await health("/health?verbose"), verbose);
    assert.deepEqual(await health("/health"), { status: "alive" });
    ops.setReady();
    away = false;
    assert.deepEqual(await health("/health?verbose"), { status: "alive", state: "ready", failing: {} });
  });

  it("shows the state of its dependencies in its metrics", async () => {
    let away = true;
    const redis = () => {
      if (away) throw new Error("away");
    };
    const { get } = await serve({ redis, queue: () => {} });
    const shown = async () => (await (await get("/metrics")).text()).match(/^ccsp_dependency_up.*$/gm);
    const series = (redisUp: number) => [
      `ccsp_dependency_up{dependency="redis",service="queue"} ${redisUp}`,
      'ccsp_dependency_up{dependency="queue",service="queue"} 1',
    ];
    assert.deepEqual(await shown(), series(0));
    away = false;
    assert.deepEqual(await shown(), series(1));
  });

  it("answers other paths with 404 and other methods with 405", async () => {
    const { get } = await serve();
    assert.equal((await get("/metric")).status, 404);
    assert.equal((await get("/health?verbose")).status, 200);
    assert.equal((await get("/ready", { method: "POST" })).status, 405);
  });

  it("rejects when its port is taken", async () => {
    const { ops } = await serve();
    const listen = { ...LOOPBACK, port: ops.port };
    await assert.rejects(serveOps({ listen, registry: createMetrics("queue"), log, checks: {} }), /EADDRINUSE/);
  });

  it("closes while a client keeps its connection", async () => {
    const { ops, get } = await serve();
    await (await get("/health")).text();
    await ops.close();
    open.pop();
    await assert.rejects(get("/health"));
  });

  it("closes while a client sends nothing, or only half of its request", async () => {
    const { ops } = await serve();
    const [silent, slow] = [connect(ops.port, LOOPBACK.host), connect(ops.port, LOOPBACK.host)];
    for (const client of [silent, slow]) client.on("error", () => undefined);
    await Promise.all([once(silent, "connect"), once(slow, "connect")]);
    slow.write("GET /health HTTP/1.1\r\n");
    await ops.close();
    open.pop();
  });
});
