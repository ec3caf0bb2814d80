import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority, issueCertificate } from "@ccsp/certificates";
import { type Env, load, serviceSettings } from "@ccsp/config";
import { CallError, channelTls, createClient, implementSome, readTlsFolder } from "@ccsp/grpc-kit";
import type { CertificateName } from "@ccsp/identity";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { pino } from "pino";
import { runService, type ServiceDefinition, type StartContext, startService } from "../src/index.js";

type Start = (context: StartContext) => Promise<void>;

describe("the credentials of a service", () => {
  let folder: string;
  let authority: Authority;
  let lines: Record<string, unknown>[];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-lifecycle-"));
    authority = await createAuthority(folder);
    for (const name of ["queue", "gateway", "notification"]) await issue({ kind: "service", name });
    await issue({ kind: "operator", name: "ann" });
  });
  after(() => rm(folder, { recursive: true }));
  beforeEach(() => {
    lines = [];
  });

  const dirOf = (name: string) => join(folder, name);
  const issue = (name: CertificateName) => issueCertificate(authority, { folder: dirOf(name.name), name });

  /** Runs a service of this name for as long as `use` takes, and resolves to its exit code. */
  function run(name: string, env: Env, start: Start): Promise<0 | 1> {
    const prefix = `CCSP_${name.toUpperCase()}`;
    const listen = { [`${prefix}_LISTEN`]: "127.0.0.1:0", [`${prefix}_OPS_LISTEN`]: "127.0.0.1:0" };
    const { config } = load({ ...listen, CCSP_LAME_DUCK: "0ms", ...env }, (settings) => ({
      service: serviceSettings(settings, { name, grpcPort: 1, opsPort: 2 }),
    }));
    const definition: ServiceDefinition<typeof config> = {
      name,
      summary: "",
      define: () => config,
      start: (_, context) => start(context),
    };
    const stop = new AbortController();
    const started = async (context: Parameters<typeof startService>[2]): Promise<void> => {
      await startService(definition, config, context);
      stop.abort();
    };
    return runService(log, started, { stop: stop.signal, handleSignals: false });
  }

  /** Runs a queue for as long as `use` takes. */
  const withQueue = (env: Env, use: (target: string, context: StartContext) => Promise<void>) =>
    run("queue", env, async (context) => {
      await context.serveOps({});
      const status = { getStatus: async () => GetStatusResponse.fromPartial({}), sync: async () => assert.fail() };
      const { address } = await context.serveGrpc([implementSome(QueueServiceService, status)]);
      await use(address, context);
    });
  const secured = () => ({ CCSP_QUEUE_TLS_DIR: dirOf("queue") });
  const call = async (target: string, who: string) => {
    const credentials = channelTls(() => readTlsFolder(dirOf(who)), { service: "queue" });
    const queue = createClient(QueueServiceService, target, { credentials });
    try {
      return { status: await queue.getStatus({}), sync: await reasonOf(queue.sync({})) };
    } finally {
      queue.close();
    }
  };
  const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => (error instanceof CallError ? [error.reason, error.message] : error),
    );

  it("let in only those whom the protos name, and leave an audit line for each call of a person", async () => {
    const code = await withQueue(secured(), async (target) => {
      const path = "/ccsp.queue.v1.QueueService/Sync";
      for (const [who, kind] of [
        ["gateway", "service"],
        ["ann", "operator"],
      ] as const) {
        const { status, sync } = await call(target, who);
        assert.ok(status);
        const message = `the ${kind} ${who} may not call ${path}; only these may: executor`;
        assert.deepEqual(sync, ["CERTIFICATE_REFUSED", message]);
      }
      assert.deepEqual(await reasonOf(call(target, "notification")), [
        "CERTIFICATE_REFUSED",
        "the service notification may not call /ccsp.queue.v1.QueueService/GetStatus; only these may: gateway, monitor, operator",
      ]);
    });
    assert.equal(code, 0);
    const audited = lines.filter(({ audit }) => audit);
    assert.deepEqual(
      audited.map(({ method, who }) => [method, who]),
      [["/ccsp.queue.v1.QueueService/GetStatus", "ann"]],
    );
  });

  it("open clients that accept only the service which offers the definition", async () => {
    const code = await withQueue(secured(), async (target) => {
      const env = { CCSP_GATEWAY_TLS_DIR: dirOf("gateway") };
      const gateway = await run("gateway", env, async ({ openClient, serveOps }) => {
        await serveOps({});
        assert.ok(await (await openClient(QueueServiceService, target)).getStatus({}));
        const monitor = await openClient(MonitorServiceService, target);
        // A stream is sent once. A client that waits for a better server would say the cause only at its deadline.
        const [, message] = Object(await reasonOf(monitor.watchMetrics({})[Symbol.asyncIterator]().next()));
        assert.match(message, /the certificate of the service queue, not of the service monitor/);
      });
      assert.equal(gateway, 0);
    });
    assert.equal(code, 0);
  });

  it("are none on loopback without a folder: every caller of the machine is let in", async () => {
    const code = await withQueue({}, async (target, { openClient }) => {
      assert.ok(await (await openClient(QueueServiceService, target)).getStatus({}));
    });
    assert.equal(code, 0);
    assert.deepEqual(
      lines.filter(({ audit }) => audit),
      [],
    );
  });

  it("stop a start with the certificate of another service", async () => {
    const code = await withQueue({ CCSP_QUEUE_TLS_DIR: dirOf("gateway") }, async () => assert.fail());
    assert.equal(code, 1);
    const { err } = lines.find(({ msg }) => msg === "start failed") ?? {};
    assert.match(Object(err).message, /tls\.crt is the certificate of the service gateway, not of the service queue$/);
  });
});
