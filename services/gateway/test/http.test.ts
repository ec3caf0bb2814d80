import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";

import { Refusal } from "@ccsp/errors";
import { implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import type { HeartbeatRequest, MethodCalls } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";

import { eventually } from "@ccsp/testkit";
import pino from "pino";
import { type HttpWorld, startHttpWorld, tokenOf } from "./http-world.js";

describe("the HTTP server of the gateway", function () {
  this.timeout(60_000);
  let world: HttpWorld;
  before(async () => {
    world = await startHttpWorld({ CCSP_GATEWAY_HTTP_ORIGINS: "https://ops.example.com" });
  });
  after(() => world?.close());

  it("says as a problem what is wrong, with the reasons of gRPC", async () => {
    const missing = await world.call("/api/v2/me", undefined);
    assert.equal(missing.headers.get("content-type"), "application/problem+json");
    assert.deepEqual([missing.status, missing.body.reason], [401, "TOKEN_MISSING"]);
    assert.equal(missing.headers.get("www-authenticate"), "Bearer");
    // It means nothing on plain HTTP.
    assert.equal(missing.headers.get("strict-transport-security"), null);
    const scope = await world.call("/api/v2/queue/status", "agent-1");
    assert.deepEqual([scope.status, scope.body.metadata], [403, { scope: "tasks:read-all" }]);
    const json = { spec: { promt: "hi", priority: "NONE" } };
    const field = await world.call("/api/v2/tasks", "agent-1", { json });
    const names = field.body.fields?.map((each) => each.field);
    assert.deepEqual([field.status, field.body.reason, names], [400, "INVALID_FIELD", ["spec.promt", "spec.priority"]]);
  });

  /** The answer to a request that only announces its body. Bytes on their way would break off the connection. */
  async function announced(
    bytes: number,
    token?: string,
  ): Promise<{ readonly status?: number | undefined; readonly reason: string }> {
    const { hostname, port } = new URL(world.gateway.httpAddress);
    const headers = {
      "content-type": "application/json",
      "content-length": String(bytes),
      ...(token && { authorization: `Bearer ${token}` }),
    };
    const sent = request({ hostname, port, path: "/api/v2/tasks", method: "POST", headers });
    sent.flushHeaders();
    const [answer = assert.fail()]: IncomingMessage[] = await once(sent, "response");
    const { reason }: { readonly reason: string } = JSON.parse(await text(answer));
    // Its body never comes.
    sent.on("error", () => undefined).destroy();
    return { status: answer.statusCode, reason };
  }

  it("says what is wrong with a path, a method, a media type and a body", async () => {
    const path = await world.call("/api/v2/nothing", "agent-1", { json: {} });
    assert.deepEqual([path.status, path.body.type], [404, "about:blank"]);
    const method = await world.call("/api/v2/tasks/x", "agent-1", { method: "PATCH" });
    assert.deepEqual([method.status, method.headers.get("allow")], [405, "GET"]);
    const accept = await world.call("/api/v2/me", "agent-1", { headers: { accept: "text/html, application/*;q=0" } });
    assert.equal(accept.status, 406);
    const type = await world.call("/api/v2/tasks", "agent-1", { body: "x", headers: { "content-type": "text/plain" } });
    assert.equal(type.status, 415);
    const large = await announced(16 * 1024 * 1024 + 1, await tokenOf("agent-1", ROLES.agent));
    assert.deepEqual(large, { status: 413, reason: "MESSAGE_TOO_LARGE" });
    const broken = await world.call("/api/v2/tasks", "agent-1", {
      body: '{"spec":',
      headers: { "content-type": "application/json" },
    });
    assert.deepEqual([broken.status, broken.body.fields?.[0]?.field], [400, "the body"]);
    const url = await world.call("/api/v2/%", "agent-1");
    assert.deepEqual([url.status, url.body.reason], [400, "INVALID_FIELD"]);
    assert.equal(url.headers.get("content-type"), "application/problem+json");
    const session = await world.call("/session", undefined, { json: { token: "x".repeat(9_000) } });
    assert.deepEqual([session.status, session.body.detail], [413, "the body is larger than 8192 bytes"]);
    const missing = await world.call("/api/v2/audit", "agent-1");
    assert.equal(missing.status, 501);
    assert.match(missing.body.detail ?? "", /audit/);
  });

  it("refuses a stranger before it reads the body", async () => {
    assert.deepEqual(await announced(1_000_000), { status: 401, reason: "TOKEN_MISSING" });
  });

  it("answers a request that offers another protocol as any other, and reads on its connection", async () => {
    const { hostname, port } = new URL(world.gateway.httpAddress);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const authorization = `Bearer ${await tokenOf("agent-1", ROLES.agent)}`;
    const json = JSON.stringify({ spec: { prompt: "by a client of HTTP/2" } });
    const post = async (headers: Readonly<Record<string, string>>) => {
      const sent = request({ agent, hostname, port, path: "/api/v2/tasks", method: "POST", headers });
      sent.end(json);
      const [answer = assert.fail()]: IncomingMessage[] = await once(sent, "response");
      await text(answer);
      return [answer.statusCode, sent.reusedSocket];
    };
    const plain = { authorization, "content-type": "application/json", "content-length": String(json.length) };
    const h2c = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQAoAAAAAIAAAAA" };
    const webSocket = { connection: "Upgrade", upgrade: "websocket" };
    try {
      assert.deepEqual(await post({ ...plain, ...h2c }), [201, false]);
      assert.deepEqual(await post({ ...plain, ...webSocket }), [201, true]);
      assert.deepEqual(await post(plain), [201, true]);
    } finally {
      agent.destroy();
    }
  });

  it("lets pages of the listed origins call with a token, and no others, and nobody with a cookie", async () => {
    const preflight = (origin: string) =>
      world.ask("/api/v2/tasks", undefined, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" },
      });
    const ours = await preflight("https://ops.example.com");
    assert.equal(ours.headers.get("access-control-allow-origin"), "https://ops.example.com");
    assert.equal(ours.headers.get("access-control-allow-credentials"), null);
    const theirs = await preflight("https://evil.example.com");
    assert.equal(theirs.headers.get("access-control-allow-origin"), null);
    const other = await world.startGateway({ CCSP_GATEWAY_HTTP_ORIGINS: "" });
    const closed = await fetch(`${other.httpAddress}/api/v2/me`, { headers: { origin: "https://ops.example.com" } });
    assert.equal(closed.headers.get("access-control-allow-origin"), null);
    const options = await fetch(`${other.httpAddress}/api/v2/tasks`, { method: "OPTIONS" });
    assert.deepEqual([options.status, options.headers.get("allow")], [405, "POST, GET"]);
  });

  it("measures its requests", async () => {
    await world.call("/api/v2/me", "agent-1");
    const name = "http_server_request_duration_seconds_count";
    await eventually(async () => assert.ok((await world.gateway.metric(name)) >= 1));
  });

  it("tells the monitor of the calls of agents, and of those at which CCSP failed", async () => {
    const told = new Map<string, Omit<MethodCalls, "method" | "ok">>();
    const heartbeat = async ({ calls }: HeartbeatRequest) => {
      for (const { method, ok: _, ...counts } of calls) told.set(method.slice(method.lastIndexOf("/") + 1), counts);
      return {};
    };
    const away = async () => {
      throw new Refusal("DEPENDENCY_UNAVAILABLE", "Redis does not answer");
    };
    const monitor = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      services: [implementSome(MonitorServiceService, { heartbeat, getUsage: away })],
      log: pino({ level: "silent" }),
      drainMs: 1_000,
      lameDuckMs: 0,
    });
    const target = { CCSP_MONITOR_TARGET: `127.0.0.1:${monitor.port}`, CCSP_HEARTBEAT: "1s" };
    const { httpAddress } = await world.startGateway(target);
    const headers = { authorization: `Bearer ${await tokenOf("agent-1", ["tasks:read"])}` };
    const statusOf = async (path: string) => (await fetch(`${httpAddress}/api/v2${path}`, { headers })).status;
    assert.deepEqual([await statusOf("/capabilities"), await statusOf("/me/usage")], [200, 503]);
    await eventually(
      () => {
        assert.deepEqual(told.get("GetCapabilities"), { total: 1n, unavailable: 0n, faults: 0n });
        assert.deepEqual(told.get("GetMyUsage"), { total: 1n, unavailable: 1n, faults: 0n });
      },
      { timeoutMs: 45_000 },
    );
    await monitor.close();
  });

  it("stops in order: it ends event streams and answers the calls in progress", async () => {
    const gateway = await world.startGateway();
    const { body } = await world.call("/api/v2/tasks", "agent-1", { json: { spec: { prompt: "waits" } } });
    const asked = await world.ask("/api/v2/me", "agent-1");
    assert.equal(asked.status, 200);
    const authorization = `Bearer ${await tokenOf("agent-1", ["tasks:read"])}`;
    const events = await fetch(`${gateway.httpAddress}/api/v2/tasks/${body.task?.id}/events`, {
      headers: { authorization },
    });
    assert.equal(events.status, 200);
    const stopped = gateway.stop();
    const text = await events.text();
    assert.match(text, /event: problem\ndata: .*SHUTTING_DOWN/);
    await stopped;
    assert.equal((await gateway.process.exited).code, 0);
  });

  it("stops together with the gRPC server, so that a slow request does not keep gRPC open", async () => {
    const gateway = await world.startGateway({ CCSP_DRAIN_TIMEOUT: "60s", CCSP_GATEWAY_BODY_TIMEOUT: "60s" });
    const authorization = `Bearer ${await tokenOf("agent-1", ["tasks:submit"])}`;
    const headers = {
      authorization,
      "content-type": "application/json",
      "content-length": "9",
      expect: "100-continue",
    };
    const slow = request(`${gateway.httpAddress}/api/v2/tasks`, { method: "POST", headers });
    slow.on("error", () => undefined).flushHeaders();
    await once(slow, "continue");
    const stopped = gateway.process.stop(60_000);
    const [host, port] = gateway.address.split(":");
    const isOpen = async () => {
      const socket = connect({ host, port: Number(port) });
      const outcome = await Promise.race([once(socket, "connect"), once(socket, "close")]).then(
        () => true,
        () => false,
      );
      socket.on("error", () => undefined).destroy();
      return outcome;
    };
    await eventually(async () => assert.equal(await isOpen(), false), { timeoutMs: 30_000 });
    slow.destroy();
    assert.equal((await stopped).code, 0);
  });
});
