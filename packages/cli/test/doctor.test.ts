import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createPlainServer } from "node:http";
import { createServer as createHttpServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type Server } from "node:tls";
import { fileURLToPath } from "node:url";
import { createAuthority, issueCertificate } from "@ccsp/certificates";
import { findExecutable } from "@ccsp/config";
import { Refusal } from "@ccsp/errors";
import { freePort, needsConsul, openRedisUsers, type RedisOptions, startConsul, startRedis } from "@ccsp/fleet";
import { implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { AgentServiceService, GetCapabilitiesResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { type OpsServer, serveOps } from "@ccsp/telemetry";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { Registry } from "prom-client";
import { examine } from "../src/doctor/examine.js";
import type { Finding } from "../src/doctor/finding.js";
import { type DoctorOptions, openSite } from "../src/doctor/site.js";
import { ccsp, memoryIo } from "./memory-io.js";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DAY_MS = 24 * 60 * 60 * 1000;

describe("ccsp doctor", function () {
  this.timeout(60_000);
  let dir: string;
  let closing: (() => Promise<void>)[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-doctor-"));
    closing = [];
  });
  afterEach(async () => {
    for (const close of closing.toReversed()) await close();
    await rm(dir, { recursive: true });
  });

  type Env = Readonly<Record<string, string>>;
  const own = (env: Env): Env => ({ CCSP_STATE_DIR: dir, PATH: process.env["PATH"] ?? "", ...env });

  /** Runs the command on the host of a queue, and returns what one check found. */
  async function found(check: string, env: Env, ...args: readonly string[]) {
    const { code, stdout, stderr } = await ccsp(["doctor", "--service", "queue", "-o", "json", ...args], {
      env: own(env),
    });
    const findings: Finding[] = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(code, findings.some(({ state }) => state === "fail") ? 1 : 0, stderr);
    for (const { state, mend } of findings) assert.equal(mend !== undefined, ["warn", "fail"].includes(state));
    return findings.filter((each) => each.check === check);
  }
  const states = (findings: readonly Finding[]) => findings.map(({ state }) => state);
  const failure = (findings: readonly Finding[], what: RegExp, state = "fail") => {
    const wrong = findings.find((each) => each.state === state && what.test(each.detail));
    assert.ok(wrong, JSON.stringify(findings));
    return wrong;
  };

  async function openRedis(options: RedisOptions): Promise<string> {
    const redis = await startRedis(options);
    closing.push(() => redis.stop());
    return redis.url;
  }

  it("finds nothing wrong with a Redis that has the settings of deploy/redis.conf", async () => {
    const url = await openRedis({ appendOnly: true, configFile: join(ROOT, "deploy/redis.conf") });
    assert.deepEqual(states(await found("redis", { CCSP_REDIS_URL: url })), ["ok", "ok", "ok", "ok", "ok"]);
  });

  it("fails a Redis that loses or evicts accepted tasks, and says how to mend it", async () => {
    const args = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendfsync", "everysec"];
    const findings = await found("redis", { CCSP_REDIS_URL: await openRedis({ args }) });
    assert.match(failure(findings, /no append-only file/).mend ?? "", /CONFIG SET appendonly yes/);
    assert.match(failure(findings, /policy is allkeys-lru/).mend ?? "", /maxmemory-policy noeviction/);
    failure(findings, /appendfsync is everysec/, "warn");
  });

  it("looks at Redis with the login of a service too, and skips what this login may not read", async () => {
    const users = await openRedisUsers({ root: ROOT, dir });
    const url = new URL(await openRedis({ appendOnly: true, users }));
    [url.username, url.password] = ["queue", users.passwordOf("queue")];
    const findings = await found("redis", { CCSP_REDIS_URL: url.href });
    assert.match(findings.find(({ state }) => state === "skip")?.detail ?? "", /^appendfsync is not known: NOPERM/);
    assert.equal(findings.filter(({ state }) => state === "ok").length, 4);
  });

  it("fails servers that are not where the settings say", async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const at = { CCSP_REDIS_URL: `redis://127.0.0.1:${port}`, CCSP_CONSUL_URL: url, CCSP_GATEWAY_URL: url };
    const [redis, consul, services] = await Promise.all([
      found("redis", at),
      found("consul", at),
      found("services", at, "--ops", `127.0.0.1:${port}`, "--gateway", `127.0.0.1:${port}`),
    ]);
    assert.match(failure(redis, /ECONNREFUSED/).mend ?? "", /CCSP_REDIS_URL/);
    assert.match(failure(consul, /ECONNREFUSED/).mend ?? "", /CCSP_CONSUL_URL/);
    failure(services, /^connect ECONNREFUSED/);
    failure(services, /does not answer: connect ECONNREFUSED/);
    failure(services, /^no answer by HTTP: connect ECONNREFUSED/);
  });

  it("asks for the page of the dashboard, with the gateway's own authority, and fails another answer", async () => {
    const authority = await createAuthority(dir);
    const folder = join(dir, "public");
    await issueCertificate(authority, { folder, name: { kind: "service", name: "gateway-public" } });
    const [key, cert] = await Promise.all(["tls.key", "tls.crt"].map((file) => readFile(join(folder, file))));
    let status = 200;
    const server = createHttpServer({ key, cert }, (_request, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(async () => void server.close());
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const env = { CCSP_GATEWAY_URL: `https://127.0.0.1:${address.port}`, CCSP_CA_FILE: join(folder, "ca.crt") };
    const detail = async (of: Env) =>
      (await found("services", of)).find(({ subject }) => subject.includes("https:"))?.detail;
    assert.equal(await detail(env), "serves the dashboard");
    status = 503;
    assert.equal(await detail(env), "it answers with the status 503");
    assert.match((await detail({ ...env, CCSP_CA_FILE: "system" })) ?? "", /^no answer by HTTP: .*certificate/);
  });

  it("warns of services that a Consul does not list", async function () {
    needsConsul(this);
    const consul = await startConsul();
    closing.push(() => consul.stop());
    const findings = await found("consul", { CCSP_CONSUL_URL: consul.url });
    failure(findings, /^it lists no ready gateway, no ready queue/, "warn");
  });

  it("finds certificates that have expired, are due, or have another key", async () => {
    const authority = await createAuthority(dir);
    const make = async (name: string, age: number) => {
      const folder = join(dir, name);
      await issueCertificate(
        authority,
        { folder, name: { kind: "service", name } },
        new Date(Date.now() - age * DAY_MS),
      );
      return folder;
    };
    const env = {
      CCSP_QUEUE_TLS_DIR: await make("queue", 100),
      CCSP_MONITOR_TLS_DIR: await make("monitor", 70),
      CCSP_GATEWAY_TLS_DIR: await make("gateway", 0),
      CCSP_EXECUTOR_TLS_DIR: await make("executor", 0),
    };
    await writeFile(join(dir, "gateway/tls.key"), await readFile(join(dir, "queue/tls.key")));
    const findings = await found("tls", env);
    const about = (name: string) => findings.find(({ subject }) => subject.startsWith(`service ${name} `));
    assert.match(about("queue")?.detail ?? "", /^it expired at /);
    assert.equal(about("monitor")?.state, "warn");
    assert.match(about("gateway")?.detail ?? "", /^the key beside it belongs to another certificate$/);
    assert.equal(about("executor")?.state, "ok");
  });

  it("fails the certificate that a gateway shows when a caller would not accept it", async () => {
    const [trusted, foreign] = await Promise.all(["a", "b"].map((name) => createAuthority(join(dir, name))));
    assert.ok(trusted && foreign);
    const open = async (authority: typeof trusted, hosts: readonly string[]) => {
      const folder = await mkdtemp(join(dir, "gateway-"));
      await issueCertificate(authority, { folder, name: { kind: "service", name: "gateway-public" }, hosts });
      const [cert, key] = await Promise.all(["tls.crt", "tls.key"].map((file) => readFile(join(folder, file))));
      return listen(createServer({ cert, key, ALPNProtocols: ["h2"] }));
    };
    const listen = async (server: Server) => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      closing.push(() => new Promise((resolve) => void server.close(() => resolve())));
      const address = server.address();
      return typeof address === "object" && address ? `127.0.0.1:${address.port}` : "";
    };
    const look = async (authority: typeof trusted) =>
      found("tls", {}, "--gateway", await open(authority, []), "--ca-file", join(dir, "a/ca.crt"));
    failure(await look(foreign), /its certificate is not accepted: .*(SIGNED|SIGNATURE|LEAF|ISSUER)/);
    const right = await look(trusted);
    assert.ok(right.some(({ subject, state }) => subject.startsWith("gateway 127.0.0.1") && state === "ok"));
  });

  it("fails what the gateway could not say in time, and skips what the token does not allow", async () => {
    let scopes: readonly string[] = ["monitor:read"];
    const late = async () => Promise.reject(new Refusal("DEADLINE_EXCEEDED", "the monitor did not answer in time"));
    const capabilities = async () => GetCapabilitiesResponse.fromPartial({ agentId: "ada", scopes: [...scopes] });
    const server = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      log: pino({ level: "silent" }),
      lameDuckMs: 0,
      drainMs: 1_000,
      services: [
        implementSome(AgentServiceService, { getCapabilities: capabilities }),
        implementSome(OperatorServiceService, {
          getGlobalMetrics: late,
          listExecutors: async () => ({ executors: [] }),
          listSessions: async () => ({ sessions: [] }),
        }),
      ],
    });
    closing.push(() => server.close());
    const look = () => found("services", { CCSP_TOKEN: "t" }, "--gateway", `127.0.0.1:${server.port}`);
    const findings = await look();
    failure(findings, /^it does not say the instances: .*did not answer in time/);
    assert.deepEqual(states(findings), ["ok", "fail"]);
    scopes = [];
    assert.deepEqual(states(await look()), ["ok"]);
  });

  it("asks each ops port, and names the dependency that fails", async () => {
    const ports: OpsServer[] = [];
    const open = async (checks: Parameters<typeof serveOps>[0]["checks"]) => {
      const options = {
        listen: { host: "127.0.0.1", port: 0 },
        registry: new Registry(),
        log: pino({ level: "silent" }),
      };
      const server = await serveOps({ ...options, checks });
      server.setReady();
      ports.push(server);
      closing.push(() => server.close());
      return `127.0.0.1:${server.port}`;
    };
    const broken = async () => Promise.reject(new Error("no answer"));
    const findings = await found("services", {}, "--ops", await open({}), await open({ redis: broken }));
    assert.deepEqual(states(findings), ["skip", "ok", "fail"]);
    assert.match(failure(findings, /its dependencies fail: redis: /).detail, /no answer/);
  });

  it("says that another program is where it looks for an ops port", async () => {
    for (const text of ["<html></html>", "null"]) {
      const server = createPlainServer((_request, response) => response.writeHead(404).end(text));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      closing.push(async () => void server.close());
      const address = server.address();
      assert.ok(typeof address === "object" && address !== null);
      const findings = await found("services", {}, "--ops", `127.0.0.1:${address.port}`);
      failure(findings, /does not answer: what answers there is not the ops port of a service$/);
    }
  });

  it("reports each fault of the settings of the named services", async () => {
    const findings = await found("settings", { CCSP_QUEUE_SHARDS: "many", CCSP_QUEUE_LISTEN: "nowhere" });
    failure(findings, /^CCSP_QUEUE_SHARDS must be a whole number/);
    failure(findings, /^CCSP_QUEUE_LISTEN must be host:port/);
  });

  it("compares the clock of this host with that of Redis", async () => {
    const env = own({ CCSP_REDIS_URL: await openRedis({}) });
    const options: DoctorOptions = { service: ["queue"] };
    const look = async (aheadMs: number) => {
      const now = () => new Date(Date.now() + aheadMs);
      const findings = await examine(await openSite(memoryIo({ env }).io, options, env, now));
      return findings.filter(({ check }) => check === "clocks").map(({ state, detail }) => `${state} ${detail}`);
    };
    // The clock is compared with the middle of the call, so a call that a busy machine stops gives another difference.
    for (const [aheadMs, said] of [
      [0, /^ok /],
      [20_000, /^warn its clock is (19|20)\.\d s behind this host: /],
      [-90_000, /^fail its clock is (89|90)\.\d s ahead of this host: /],
    ] as const)
      await eventually(async () => assert.match((await look(aheadMs)).join(), said));
  });

  it("tries the sandbox of runs with the settings of the executor, and warns if it is off", async () => {
    const look = async (env: Env) => {
      const { stdout } = await ccsp(["doctor", "--service", "executor", "-o", "json"], { env: own(env) });
      const findings: Finding[] = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      return findings.filter(({ check, subject }) => check === "sandbox" && subject === "this host");
    };
    const at = join(dir, "no-bwrap");
    failure(
      await look({ CCSP_EXECUTOR_SANDBOX: "required", CCSP_EXECUTOR_BWRAP_BIN: at }),
      new RegExp(`there is no ${at}`),
    );
    const bwrap = findExecutable("bwrap", process.env["PATH"] ?? "");
    if (bwrap && states(await look({})).includes("ok")) {
      const old = join(dir, "old-bwrap");
      await writeFile(old, `#!/bin/sh\n[ "$1" = --help ] || exec ${bwrap} "$@"\n`, { mode: 0o755 });
      failure(
        await look({ CCSP_EXECUTOR_BWRAP_BIN: old }),
        /none a working folder: its bubblewrap has no --bind-fd/,
        "warn",
      );
    }
    failure(await look({ CCSP_EXECUTOR_SANDBOX: "off" }), /^CCSP_EXECUTOR_SANDBOX is off: /, "warn");
    assert.deepEqual(states(await look({ CCSP_EXECUTOR_SANDBOX: "perhaps" })), ["skip"]);
  });

  it("says before the first start of a local fleet what it would miss", async () => {
    const { stdout, stderr, code } = await ccsp(["doctor"], { env: own({ PATH: "/nonexistent" }) });
    assert.equal(code, 1);
    assert.match(stdout, /^STATE +CHECK +SUBJECT +FOUND\n/);
    assert.match(stdout, /^fail engines: engine: there is no `claude` on PATH[^\n]*\n {5}mend: /m);
    assert.match(stdout, /^ok +limits +memory /m);
    assert.match(stderr, /^1 failure, \d+ warnings?, \d+ ok, \d+ skipped$/m);
  });
});
