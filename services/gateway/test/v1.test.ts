import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { createClient } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { EngineOffer } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { SyncRequest } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { SignJWT } from "jose";
import { V1_ROUTES } from "../src/v1/v1.js";

const SECRET = "a secret of this test and of nothing else";
const WAIT = { timeoutMs: 60_000 };

const tokenOf = (sub: string, scopes: readonly string[]) =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime("10m")
    .sign(new TextEncoder().encode(SECRET));

interface Envelope {
  readonly success: boolean;
  readonly data?: Record<string, unknown>;
  readonly message?: string;
  readonly error?: string;
  readonly details?: { readonly reason?: string; readonly fields?: readonly { readonly field: string }[] };
  readonly timestamp: string;
}

/** The form of a value: `"number"`, or the forms of its members. */
function formOf(value: unknown): unknown {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.slice(0, 1).map(formOf);
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, formOf(each)]));
}

describe("the predecessor's management API", function () {
  this.timeout(180_000);
  let redis: RedisServer;
  let queue: ServiceProcess;
  let monitor: ServiceProcess;
  let gateway: ServiceProcess;

  const start = (name: string, env: Record<string, string>) =>
    startServiceProcess({
      name,
      folder: fileURLToPath(new URL(`../../${name}`, import.meta.url)),
      env: { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_HEARTBEAT: "0s", ...env },
    });
  before(async () => {
    redis = await startRedis();
    queue = await start("queue", {});
    monitor = await start("monitor", { CCSP_QUEUE_TARGET: queue.address, CCSP_NOTIFICATION_TARGET: "127.0.0.1:1" });
    gateway = await start("gateway", {
      CCSP_QUEUE_TARGET: queue.address,
      CCSP_MONITOR_TARGET: monitor.address,
      CCSP_JWT_SECRET: SECRET,
      CCSP_GATEWAY_OLD_API_PATHS: "true",
    });
  });
  after(async () => {
    for (const service of [gateway, monitor, queue]) await service?.stop();
    await redis?.stop();
  });

  type Who = keyof typeof ROLES | "nobody";
  async function call(method: string, path: string, json?: unknown, who: Who = "admin") {
    const answer = await fetch(`${gateway.httpAddress}${path.startsWith("/api") ? path : `/api/v1${path}`}`, {
      method,
      ...(json !== undefined && { body: typeof json === "string" ? json : JSON.stringify(json) }),
      headers: {
        ...(json !== undefined && { "content-type": "application/json" }),
        ...(who !== "nobody" && { authorization: `Bearer ${await tokenOf(who, ROLES[who])}` }),
      },
    });
    const envelope: Envelope = JSON.parse(await answer.text());
    if (!path.startsWith("/api/v2")) assert.equal(new Date(envelope.timestamp).toISOString(), envelope.timestamp);
    return { status: answer.status, headers: answer.headers, ...envelope };
  }
  /** The data of a call that works. */
  async function data(method: string, path: string, json?: unknown): Promise<Record<string, unknown>> {
    const { status, success, error, data: found = {} } = await call(method, path, json);
    assert.deepEqual([status < 300, success], [true, true], `${method} ${path}: ${error}`);
    return found;
  }
  const submit = (priority: string, more: object = {}) =>
    data("POST", "/queue/task", { task: { prompt: "waits, because there is no executor" }, priority, ...more });

  it("has a queue with classes, whose tasks are added, counted, removed and cleared", async () => {
    const added = await call("POST", "/queue/task", { task: { id: "t-1", prompt: "hi" }, priority: "high" });
    assert.equal(added.status, 201);
    const taskId = String(added.data?.["taskId"]);
    assert.deepEqual(formOf(added.data), { taskId: "string", priority: "string" });
    assert.equal(added.data?.["priority"], "high");
    const again = await call("POST", "/queue/task", { task: { id: "t-1", prompt: "hi" }, priority: "high" });
    assert.equal(again.data?.["taskId"], taskId);
    await submit("low");
    await submit("low");

    const status = await data("GET", "/queue/status");
    const size = { size: "number", oldest: "string", newest: "string" };
    const none = { size: "number", oldest: "null", newest: "null" };
    assert.deepEqual(formOf(status), {
      state: {
        paused: "boolean",
        pausedAt: "null",
        pausedBy: "null",
        throttleDelay: "number",
        maxConcurrent: "number",
      },
      queues: { urgent: none, high: size, normal: none, low: size },
      stats: { running: "number", parked: "number", scheduled: "number", ended: "number" },
      totalSize: "number",
    });
    assert.equal(status["totalSize"], 3);

    const removed = await call("DELETE", `/queue/task/${taskId}`);
    assert.deepEqual([removed.status, removed.success, removed.message], [200, true, `Task ${taskId} removed`]);
    assert.equal((await data("GET", "/queue/status"))["totalSize"], 2);
    await submit("normal");
    assert.deepEqual(await data("DELETE", "/queue/clear?priority=low"), { cleared: 2, priority: "low" });
    assert.equal((await data("GET", "/queue/status"))["totalSize"], 1);
    assert.deepEqual(await data("DELETE", "/queue/clear"), { cleared: 1, priority: "all" });
    assert.equal((await data("GET", "/queue/status"))["totalSize"], 0);
  });

  it("starts a task not before executeAt", async () => {
    const executeAt = new Date(Date.now() + 3_600_000);
    for (const time of [executeAt.toISOString(), executeAt.getTime()]) {
      const { taskId } = await submit("normal", { executeAt: time });
      const task = await call("GET", `/api/v2/tasks/${String(taskId)}`);
      assert.deepEqual(
        [Reflect.get(task, "task").state, new Date(Reflect.get(task, "task").spec.startTime).getTime()],
        ["SCHEDULED", executeAt.getTime()],
      );
    }
    await data("DELETE", "/queue/clear");
  });

  it("pauses and resumes the queue, and says who paused it", async () => {
    assert.equal((await call("POST", "/queue/pause", { reason: "lunch" })).message, "Queue paused");
    const { state } = await data("GET", "/queue/status");
    const { paused, pausedBy, pausedAt } = Object(state);
    assert.deepEqual([paused, pausedBy, typeof pausedAt], [true, "admin", "string"]);
    assert.equal((await call("POST", "/queue/resume")).message, "Queue resumed");
    assert.equal((await call("POST", "/queue/resume", {})).message, "Queue was not paused");
    assert.equal(Object((await data("GET", "/queue/status"))["state"]).paused, false);
  });

  it("throttles by a rate of starts, and gives an agent more turns", async () => {
    const throttled = await call("POST", "/control/throttle", { enabled: true, delay: 1500, mode: "manual" });
    assert.deepEqual([throttled.status, throttled.message], [200, "Throttle enabled with 1500ms between two starts"]);
    assert.equal(Object((await data("GET", "/queue/status"))["state"]).throttleDelay, 1500);
    assert.equal((await call("POST", "/control/throttle", { enabled: false })).message, "Throttle disabled");
    assert.equal(Object((await data("GET", "/queue/status"))["state"]).throttleDelay, 0);

    assert.deepEqual(await data("POST", "/control/priority", { agent: "ci", priority: "high" }), {
      agent: "ci",
      weight: 4,
    });
    const limits = await call("GET", "/api/v2/queue/limits");
    assert.match(JSON.stringify(limits), /"weight\/agent\/ci","value":\{"weight":4\}/);
    assert.deepEqual(await data("POST", "/control/priority", { agent: "ci", priority: "normal" }), {
      agent: "ci",
      weight: null,
    });
  });

  it("answers its statistics", async () => {
    const usage = {
      ...{ requests: "number", succeeded: "number", failed: "number", inputTokens: "number", outputTokens: "number" },
      ...{ costUsd: "number", requestsWithoutCost: "number" },
    };
    const times = { from: "string", to: "string" };
    assert.deepEqual(formOf(await data("GET", "/stats/usage?minutes=30")), {
      ...{ minutes: "number", ...times, ...usage, byAgent: {} },
    });
    assert.deepEqual(formOf(await data("GET", "/stats/agents?agent=ci")), { agents: [] });
    assert.deepEqual(formOf(await data("GET", "/stats/errors?hours=24")), {
      ...{ hours: "number", total: "number", more: "boolean", byCategory: {}, errors: [] },
    });
    assert.deepEqual(formOf(await data("GET", "/stats/prediction?minutesAhead=60")), {
      ...{ minutesAhead: "number", known: "boolean", reason: "string" },
    });
    assert.deepEqual(formOf(await data("GET", "/stats/performance")), {
      ...{ hours: "number", runs: "number", successRate: "null", averageRunMs: "null", averageWaitMs: "null" },
      ...{ activeRuns: "number", slots: "number" },
    });
  });

  it("says how it is, and more to those who may know", async () => {
    const health = await call("GET", "/health", undefined, "nobody");
    assert.deepEqual([health.status, health.data], [200, { status: "healthy" }]);
    const detailed = await data("GET", "/health/detailed");
    assert.deepEqual(Object.keys(detailed), ["status", "time", "services", "instances"]);
  });

  it("has a configuration, and names what it has in another form", async () => {
    assert.deepEqual(await data("GET", "/config"), { maxConcurrent: 0, alertThreshold: null, schedulerInterval: null });
    const without = await call("PUT", "/config", { maxConcurrent: 3 });
    assert.deepEqual([without.status, without.success], [409, false]);
    for (const [field, instead] of [
      ["alertThreshold", /alerts\/rules/],
      ["schedulerInterval", /nothing is polled/],
    ] as const) {
      const { status, error = "" } = await call("PUT", "/config", { [field]: 1 });
      assert.equal(status, 501);
      assert.match(error, instead);
    }
  });

  it("takes a configuration also in the predecessor's own body, which has it below `config`", async () => {
    const without = await call("PUT", "/config", { config: { maxConcurrent: 3 } });
    assert.match(`${without.status} ${without.error}`, /^409 no executor is connected/);
    assert.equal((await call("PUT", "/config", { config: { alertThreshold: 1 } })).status, 501);
    for (const config of [[], "all", 3]) {
      const { status, details } = await call("PUT", "/config", { config });
      assert.deepEqual([status, details?.fields?.[0]?.field], [400, "config"]);
    }
  });

  it("says in the envelope what is wrong, with the field and the reason of v2", async () => {
    for (const [method, path, body, field] of [
      ["POST", "/queue/task", {}, "task"],
      ["POST", "/queue/task", { task: { prompt: "x", colour: "red" } }, "task.colour"],
      ["POST", "/queue/task", { task: { prompt: "x" }, priority: "high!" }, "priority"],
      ["POST", "/queue/task", { task: { prompt: "x" }, executeAt: "tomorrow" }, "executeAt"],
      ["DELETE", "/queue/clear?priority=all", undefined, "priority"],
      ["GET", "/stats/usage?minutes=many", undefined, "minutes"],
      ["GET", "/stats/errors?hours=0", undefined, "hours"],
      ["GET", "/stats/prediction?minutesAhead=-1", undefined, "minutesAhead"],
      ["POST", "/control/throttle", { enabled: "yes" }, "enabled"],
      ["POST", "/control/throttle", { enabled: true }, "delay"],
      ["POST", "/control/priority", { agent: "ci", priority: "low" }, "priority"],
      ["POST", "/control/priority", { priority: "high" }, "agent"],
      ["PUT", "/config", { maxConcurrent: 1.5 }, "maxConcurrent"],
    ] as const) {
      const { status, success, error, details } = await call(method, path, body);
      assert.deepEqual([status, success, details?.reason], [400, false, "INVALID_FIELD"], `${method} ${path} ${error}`);
      assert.deepEqual(
        details?.fields?.map((each) => each.field),
        [field],
      );
    }
    // Clients name the type also where they send nothing.
    assert.equal((await call("POST", "/queue/resume", "")).status, 200);
    assert.equal((await call("GET", "/config", undefined, "nobody")).headers.get("www-authenticate"), "Bearer");
    for (const body of ["{", "[]", "7"]) assert.equal((await call("POST", "/queue/pause", body)).status, 400, body);
    assert.equal((await call("GET", "/nothing")).status, 404);
    assert.equal((await call("DELETE", "/queue/task/01J00000000000000000000000")).details?.reason, "TASK_NOT_FOUND");
  });

  it("lets nobody do by an old path what he may not do", async () => {
    const every = V1_ROUTES.map(
      ({ method, path }) => [method, path.replace(":id", "01J00000000000000000000000")] as const,
    );
    for (const [method, path] of every) {
      const body = method === "POST" || method === "PUT" ? {} : undefined;
      const { status, details } = await call(method, path, body, "nobody");
      assert.deepEqual([status, details?.reason], [401, "TOKEN_MISSING"], path);
      if (path === "/queue/task") continue;
      const agents = await call(method, path, body, "agent");
      assert.deepEqual([agents.status, agents.details?.reason], [403, "SCOPE_MISSING"], path);
    }
    for (const [method, path] of every.filter(([each]) => each !== "GET"))
      assert.equal((await call(method, path, {}, "viewer")).status, 403, path);
  });

  it("says with each answer that it is old, until when it stays, and what to call in its place", async () => {
    for (const { headers } of [
      await call("GET", "/health"),
      await call("GET", "/nothing"),
      await call("GET", "/config", undefined, "nobody"),
    ]) {
      assert.match(headers.get("deprecation") ?? "", /^@\d+$/);
      assert.ok(Date.parse(headers.get("sunset") ?? "") > Date.now());
      assert.match(headers.get("link") ?? "", /<\/api\/v1>; rel="deprecation"/);
    }
    const { data: paths } = await call("GET", "/api/v1", undefined, "nobody");
    assert.deepEqual(
      paths,
      V1_ROUTES.map(({ method, path, instead }) => ({ method, path, instead })),
    );
    const page = await readFile(new URL("../../../docs/rest-v1.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `([A-Z]+) (\S+?)(?:\?\S*)?` \| `([^`]+)` \|/gm)];
    assert.deepEqual(
      rows.map(([, method, path, instead]) => ({ method, path, instead })),
      V1_ROUTES.map(({ method, path, instead }) => ({ method, path, instead })),
    );
  });

  it("is below /api/ccsp too if a setting asks for it", async () => {
    const { status, data: found } = await call("GET", "/api/ccsp/queue/status");
    assert.deepEqual([status, found?.["totalSize"]], [200, 0]);
  });

  it("stops all work at once", async () => {
    const { status, data: stopped } = await call("POST", "/control/emergency-stop", { reason: "smoke" });
    assert.deepEqual([status, stopped], [200, { confirmed: true }]);
    await eventually(async () => {
      const { paused, pausedBy } = Object((await data("GET", "/queue/status"))["state"]);
      assert.deepEqual([paused, pausedBy], [true, "admin"]);
    }, WAIT);
  });

  it("divides no slots over several executors, and names each with its slots and the call that sets them", async () => {
    const queued = createClient(QueueServiceService, queue.address);
    for (const executorId of ["ex-1", "ex-2"]) {
      const engines = [EngineOffer.fromPartial({ engine: "claude-code", slots: 2, freeSlots: 2 })];
      await queued.sync(
        SyncRequest.fromPartial({ executorId, bootId: executorId, sequence: 1n, engines, maxWait: {} }),
      );
    }
    queued.close();
    await eventually(async () => assert.equal((await data("GET", "/config"))["maxConcurrent"], 4), WAIT);
    const { status, error = "" } = await call("PUT", "/config", { maxConcurrent: 6 });
    assert.equal(status, 409);
    assert.match(error, /\(ex-1 claude-code 2, ex-2 claude-code 2\): set each with PUT \/api\/v2\/executors\//);
  });
});
