import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createAuthority, filesOf, issueCertificate } from "@ccsp/certificates";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { addressOf, portOf } from "@ccsp/e2e-kit/internal-clients.js";
import { serviceChannel } from "@ccsp/e2e-kit/service-channel.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { channelTls, createClient, PLAIN, readTlsFolder } from "@ccsp/grpc-kit";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { eventually } from "@ccsp/testkit";
import { tryCall } from "../src/access-matrix.js";

const CCSP = fileURLToPath(new URL("../../cli/bin/ccsp.js", import.meta.url));
const INTERNAL = SERVICES.filter((name) => name !== "gateway");
type Credentials = ReturnType<typeof serviceChannel>;

/** A harmless RPC of each internal service. */
const HARMLESS = {
  queue: QueueServiceService.getStatus.path,
  executor: ExecutorServiceService.getExecutorStatus.path,
  monitor: MonitorServiceService.getUsage.path,
  notification: NotificationServiceService.listNotifications.path,
} satisfies Partial<Record<ServiceName, string>>;

describe("a fleet with mutual TLS", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await startWorld({ engine: "scripted", slots: 4 });
  });
  after(() => world.close());

  for (const name of INTERNAL) {
    it(`has a ${name} that answers the callers of an RPC only: no plain text, no missing, foreign or other certificate`, async () => {
      const ask = (credentials: Credentials) =>
        tryCall(HARMLESS[name], { target: addressOf(world, name), credentials });
      assert.equal(await ask(serviceChannel(world.certificates, { as: "gateway", to: name })), "in");

      const { ca } = readTlsFolder(join(world.certificates, "gateway"));
      const foreign = join(world.dataDir, "foreign", name);
      await issueCertificate(await createAuthority(join(world.dataDir, "foreign")), {
        folder: foreign,
        name: { kind: "service", name: "gateway" },
      });
      const unproven: Record<string, Credentials> = {
        "plain text": PLAIN.channel,
        "no certificate": channelTls({ ca }, { service: name }),
        "a gateway's certificate of another CA": channelTls({ ...readTlsFolder(foreign), ca }, { service: name }),
      };
      for (const [what, credentials] of Object.entries(unproven)) {
        assert.match(await ask(credentials), /^no connection/, what);
      }
      const other = serviceChannel(world.certificates, {
        as: name === "notification" ? "monitor" : "notification",
        to: name,
      });
      assert.equal(await ask(other), "CERTIFICATE_REFUSED");
    });
  }

  it("believes no server that has another service's certificate", async () => {
    const credentials = serviceChannel(world.certificates, { as: "gateway", to: "queue" });
    const queue = createClient(QueueServiceService, addressOf(world, "monitor"), { credentials });
    try {
      // A stream is sent once. A client that waits for a better server would say the cause only at its deadline.
      const answer = queue.watch({})[Symbol.asyncIterator]().next();
      await assert.rejects(answer, /the server has the certificate of the service monitor, not/);
    } finally {
      queue.close();
    }
  });

  it("takes renewed certificates of every service while tasks run: no call fails, and new connections see them", async () => {
    const client = world.client("alice");
    const before = await Promise.all(INTERNAL.map(serialNumber));
    let failed = 0;
    const over = new AbortController();
    const stream = async () => {
      let done = 0;
      while (!over.signal.aborted) {
        const events = await collect(client.run({ prompt: "[[text:one two three]]" })).catch(() => undefined);
        if (events === undefined) failed += 1;
        done += 1;
      }
      return done;
    };
    const busy = Array.from({ length: 3 }, stream);
    const args = ["certs", "issue", "--folder", world.certificates];
    for (const name of SERVICES) {
      const { stdout } = await promisify(execFile)(process.execPath, [CCSP, ...args, name], { env: {} });
      assert.match(stdout, new RegExp(`^made spiffe://ccsp/service/${name} in `));
    }
    await eventually(
      async () => {
        for (const [i, name] of INTERNAL.entries()) {
          const [now, issued] = [await serialNumber(name), await issuedSerial(name)];
          assert.equal(now, issued, name);
          assert.notEqual(now, before[i], name);
        }
      },
      { timeoutMs: 20_000, what: "the renewed certificates at every port" },
    );
    // The clients use their renewed certificates too: a new executor connects to a queue that was started again.
    await world.fleet.kill9("queue");
    await world.fleet.ready();
    over.abort();
    const done = await Promise.all(busy);
    assert.ok(Math.min(...done) > 0);
    assert.equal(failed, 0);
  });

  /** The serial number of the certificate that the service shows to a new connection. */
  async function serialNumber(name: ServiceName): Promise<string> {
    const { ca = "", certificate: cert = "", key = "" } = readTlsFolder(join(world.certificates, "gateway"));
    const socket = connect({
      host: "127.0.0.1",
      port: portOf(world, name),
      ca,
      cert,
      key,
      servername: name,
      ALPNProtocols: ["h2"],
    });
    try {
      await once(socket, "secureConnect");
      return socket.getPeerCertificate().serialNumber;
    } finally {
      socket.destroy();
    }
  }

  async function issuedSerial(name: ServiceName): Promise<string> {
    return new X509Certificate(await readFile(filesOf(join(world.certificates, name)).certificate)).serialNumber;
  }
});
