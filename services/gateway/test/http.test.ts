import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { ROLES } from "@ccsp/identity";
import { eventually, type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { SignJWT } from "jose";

const SECRET = "a secret of this test and of nothing else";

const tokenOf = (sub: string, scopes: readonly string[]) =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));

/** The fields of answers that these tests read. */
interface Body {
  readonly subject?: string;
  readonly proof?: string;
  readonly task?: { readonly agentId: string; readonly state: string };
  readonly depths?: readonly object[];
  readonly type?: string;
  readonly reason?: string;
  readonly metadata?: object;
  readonly fields?: readonly { readonly field: string }[];
}

describe("the HTTP server of the gateway", function () {
  this.timeout(60_000);
  let redis: RedisServer;
  let queue: ServiceProcess;
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
    gateway = await start("gateway", { CCSP_QUEUE_TARGET: queue.address, CCSP_JWT_SECRET: SECRET });
  });

  after(async () => {
    await gateway?.stop();
    await queue?.stop();
    await redis?.stop();
  });

  async function call(path: string, who: "agent" | "operator" | undefined, init: RequestInit & { json?: object } = {}) {
    const { json, ...rest } = init;
    const answer = await fetch(`${gateway.httpAddress}${path}`, {
      ...rest,
      ...(json && { method: "POST", body: JSON.stringify(json) }),
      headers: {
        ...(json && { "content-type": "application/json" }),
        ...(who && { authorization: `Bearer ${await tokenOf(`${who}-1`, ROLES[who])}` }),
      },
    });
    const body: Body = JSON.parse(await answer.text());
    return { status: answer.status, headers: answer.headers, body };
  }

  it("answers with the messages of the RPCs in their JSON form", async () => {
    const me = await call("/api/v2/me", "agent");
    assert.deepEqual([me.status, me.body.subject, me.body.proof], [200, "agent-1", "token"]);
    const { status, body } = await call("/api/v2/tasks", "agent", { json: { spec: { prompt: "hi" }, requestId: "r" } });
    assert.deepEqual([status, body.task?.agentId, body.task?.state], [201, "agent-1", "QUEUED"]);
    const { body: queued } = await call("/api/queue/status", "operator");
    assert.ok(Array.isArray(queued.depths));
  });

  it("says as a problem what is wrong, with the reasons of gRPC", async () => {
    const missing = await call("/api/v2/me", undefined);
    assert.equal(missing.headers.get("content-type"), "application/problem+json");
    assert.deepEqual([missing.status, missing.body.reason], [401, "TOKEN_MISSING"]);
    const scope = await call("/api/v2/queue/status", "agent");
    assert.deepEqual([scope.status, scope.body.metadata], [403, { scope: "tasks:read-all" }]);
    const field = await call("/api/v2/tasks", "agent", { json: { spec: { promt: "hi", priority: "NONE" } } });
    const names = field.body.fields?.map((each) => each.field);
    assert.deepEqual([field.status, field.body.reason, names], [400, "INVALID_FIELD", ["spec.promt", "spec.priority"]]);
    const path = await call("/api/v2/nothing", "agent");
    assert.deepEqual([path.status, path.body.type], [404, "about:blank"]);
  });

  it("measures its requests", async () => {
    await call("/api/v2/me", "agent");
    await eventually(async () => assert.ok((await gateway.metric("http_server_request_duration_seconds_count")) >= 1));
  });
});
