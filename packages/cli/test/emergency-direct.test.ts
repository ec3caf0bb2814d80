import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAuthority, folderFor, keepCertificates } from "@ccsp/certificates";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { CallError, channelTls, createClient, readTlsFolder } from "@ccsp/grpc-kit/client.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { ccsp } from "./memory-io.js";

const SERVICES = fileURLToPath(new URL("../../../services", import.meta.url));
const NAMES = [
  { kind: "service", name: "queue" },
  { kind: "service", name: "gateway" },
  { kind: "operator", name: "ann" },
] as const;

describe("an emergency stop when the gateway is dead", function () {
  this.timeout(120_000);
  let redis: RedisServer;
  let dir: string;
  let queue: ServiceProcess;
  let gateway: ServiceProcess;
  /** What a person on another machine than the services has. */
  let env: Readonly<Record<string, string>>;
  const folderOf = (name: (typeof NAMES)[number]): string => folderFor(join(dir, "certificates"), name);
  const [QUEUE, GATEWAY, ANN] = NAMES;

  before(async () => {
    redis = await startRedis();
    dir = await mkdtemp(join(tmpdir(), "ccsp-direct-"));
    const authority = await createAuthority(join(dir, "certificates"));
    await keepCertificates(
      authority,
      NAMES.map((name) => ({ folder: folderOf(name), name })),
    );
    const nobody = `static:///127.0.0.1:${await freePort()}`;
    const shared = {
      PATH: process.env["PATH"] ?? "",
      CCSP_REDIS_URL: redis.url,
      CCSP_JWT_SECRET: "a secret of this test and of nothing else",
      CCSP_MONITOR_TARGET: nobody,
      CCSP_NOTIFICATION_TARGET: nobody,
    };
    const start = (name: string, own: Readonly<Record<string, string>>) =>
      startServiceProcess({ name, folder: join(SERVICES, name), env: { ...shared, ...own } });
    queue = await start("queue", { CCSP_QUEUE_TLS_DIR: folderOf(QUEUE) });
    gateway = await start("gateway", {
      CCSP_GATEWAY_TLS_DIR: folderOf(GATEWAY),
      CCSP_QUEUE_TARGET: `static:///${queue.address}`,
    });
    env = {
      USER: "ann",
      CCSP_STATE_DIR: join(dir, "state"),
      CCSP_GATEWAY: gateway.address,
      CCSP_JWT_SECRET: shared.CCSP_JWT_SECRET,
    };
  });
  after(async () => {
    await gateway.stop();
    await queue.stop();
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const direct = () => ["--queue", queue.address, "--operator-cert-dir", folderOf(ANN)];
  const stop = (...args: readonly string[]) =>
    ccsp(["emergency", "stop", "--level", "no-start", "--why", "leak", ...args], { env });
  const queueDirectly = (who: (typeof NAMES)[number]) =>
    createClient(QueueServiceService, queue.address, {
      credentials: channelTls(() => readTlsFolder(folderOf(who)), { service: "queue" }),
    });

  it("goes through the gateway while that lives, with the name of the token", async () => {
    const { code, stdout, stderr } = await stop(...direct());
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^EMERGENCY STOP \(no-start\) by ann since /);
    assert.equal(stderr, "");
    assert.equal((await ccsp(["emergency", "resume", "--why", "ok"], { env })).code, 0);
  });

  it("goes to the queue at once with --direct, as the person whom the certificate names", async () => {
    const { code, stdout, stderr } = await ccsp(
      ["emergency", "stop", "--level", "kill", "--why", "leak", "--direct", ...direct()],
      { env: { ...env, USER: "bob" } },
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^EMERGENCY STOP \(kill\) by ann since /);
    assert.match((await ccsp(["queue", "status"], { env })).stdout, /EMERGENCY STOP \(kill\) by ann/);
    assert.equal((await ccsp(["emergency", "resume", "--why", "ok"], { env })).code, 0);
  });

  it("takes only a certificate of an operator, and the operator makes no other call with it", async () => {
    const wrong = await stop("--direct", "--queue", queue.address, "--operator-cert-dir", folderOf(GATEWAY));
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /its certificate names no operator/);
    const client = queueDirectly(ANN);
    const gate = { scope: { $case: "all", value: true } } as const;
    await client.getStatus({});
    for (const call of [
      () => client.pauseQueue({ scope: gate, who: "ann", why: "x" }),
      () => client.resumeQueue({ scope: gate, who: "ann", why: "x" }),
      () => client.list({ agentId: "" }),
      () => client.cancelTasks({ dryRun: true }),
    ]) {
      await assert.rejects(call, (error) => error instanceof CallError && error.reason === "CERTIFICATE_REFUSED");
    }
    client.close();
  });

  it("goes to the queue when the gateway was killed, and says so", async () => {
    gateway.process.kill("SIGKILL");
    await gateway.process.exited;
    const { code, stdout, stderr } = await stop(...direct());
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^no gateway could be reached at 127\.\S+: .*: calling the queue directly at 127\./);
    assert.match(stdout, /^EMERGENCY STOP \(no-start\) by ann since /);
    const json = await stop(...direct(), "-o", "json");
    const { warning }: { warning: { message: string } } = JSON.parse(json.stderr);
    assert.match(warning.message, /calling the queue directly/);
    assert.equal(Object(JSON.parse(json.stdout)).confirmed, true);
  });

  it("ends with 5, and says what it lacks, when it knows no queue or has no certificate", async () => {
    const nothing = await stop();
    assert.equal(nothing.code, 5);
    assert.match(
      nothing.stderr,
      /^ccsp: no gateway could be reached at [^\n]*\nto call the queue directly, name the queue \(--queue, or CCSP_QUEUE_TARGET\) and an/,
    );
    const half = await stop("--queue", queue.address);
    assert.equal(half.code, 5);
    assert.match(half.stderr, /name an operator certificate \(--operator-cert-dir, or CCSP_OPERATOR_TLS_DIR\)/);
  });
});
