import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mock } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { eventually, skip } from "@ccsp/testkit";
import { pino } from "pino";
import { channelTls, type GrpcServer, openTlsFolder, readTlsFolder, serverTls, type Tls } from "../src/index.js";
import { Certificates } from "./certificates-world.js";
import { Fixture } from "./fixture.js";
import { drain, entry, failure, type Queue, taskNamed } from "./queue-stub.js";

const run = promisify(execFile);
/** A stream does not wait for its server: it fails at once. */
const stream = (queue: Queue) => drain(queue.watch({ taskId: "t1" }));

describe("services with certificates in folders", () => {
  const fixture = new Fixture();
  let certificates: Certificates;
  let lines: { readonly level: number; readonly msg: string; readonly err?: Error }[];
  beforeEach(async () => {
    certificates = fixture.own(await Certificates.open());
    lines = [];
  });
  afterEach(() => fixture.close());

  const log = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const open = (folder: string, everyMs = 10) => fixture.own(openTlsFolder(folder, { log, everyMs }));
  const watched = {
    async *watch() {
      yield entry(1);
    },
  };
  const serve = (folder: string, everyMs?: number) =>
    fixture.serve(watched, { credentials: serverTls(open(folder, everyMs)) });
  const connectTo = (server: GrpcServer, folder: string, service = "queue") =>
    fixture.connect(server, { credentials: channelTls(() => readTlsFolder(folder), { service }) });
  /** A new connection with the certificate of this folder, when the server has sent its first bytes. */
  const reach = async ({ port }: GrpcServer, folder: string, session?: Buffer): Promise<TLSSocket> => {
    const { ca, certificate: cert, key } = readTlsFolder(folder);
    const checkServerIdentity = () => undefined;
    const socket = connect({
      ...{ port, host: "127.0.0.1", ALPNProtocols: ["h2"] },
      ...{ ca, cert, key, session, checkServerIdentity },
    });
    fixture.own({ close: () => socket.destroy() });
    await once(socket, "data");
    return socket;
  };
  /** The certificate that a new connection sees. */
  const shown = async (server: GrpcServer, folder: string): Promise<string> => {
    const socket = await reach(server, folder);
    const serial = socket.getPeerX509Certificate()?.serialNumber ?? "";
    socket.destroy();
    return serial;
  };
  const serialIn = (folder: string) => new X509Certificate(readTlsFolder(folder).certificate ?? "").serialNumber;

  it("know each other by the name in the certificate, not by the host", async () => {
    const gateway = await certificates.issue("gateway");
    const queue = await serve(await certificates.issue("queue"));
    assert.deepEqual(await stream(connectTo(queue, gateway)), [1]);
    const error = await failure(stream(connectTo(queue, gateway, "monitor")));
    assert.match(error.message, /the server has the certificate of the service queue, not of the service monitor/);
  });

  it("send no address as the name of the server, and still want the certificate of that address", async () => {
    const credentials = channelTls(readTlsFolder(await certificates.issue("gateway")));
    const { certificate: cert, key } = readTlsFolder(await certificates.issue("queue"));
    const names: unknown[] = [];
    const server = createServer({ cert, key, ALPNProtocols: ["h2"] }, (socket) => {
      names.push(Reflect.get(socket, "servername"));
      socket.destroy();
    }).listen(0, "127.0.0.1");
    fixture.own({ close: () => server.close() });
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address !== null);
    const client = fixture.connect(`127.0.0.1:${address.port}`, { credentials });
    const enough = new AbortController();
    const calling = failure(client.get({}, { signal: enough.signal }));
    await eventually(() => assert.equal(names[0], false));
    enough.abort();
    await calling;
    client.close();

    const elsewhere = await serve(await certificates.issueOperator("ann"));
    const error = await failure(stream(fixture.connect(elsewhere, { credentials })));
    assert.match(error.message, /altnames|not in the cert/);
  });

  it("move to TLS one by one: with replicas of both kinds, each client uses those of its own kind", async () => {
    const gateway = await certificates.issue("gateway");
    const counts = { plain: 0, tls: 0 };
    const counting = (kind: keyof typeof counts) => ({
      get: async ({ taskId }: { taskId: string }) => ((counts[kind] += 1), taskNamed(taskId)),
    });
    const plain = await fixture.serve(counting("plain"));
    const tls = await fixture.serve(counting("tls"), {
      credentials: serverTls(open(await certificates.issue("queue"))),
    });
    const target = `ipv4:127.0.0.1:${plain.port},127.0.0.1:${tls.port}`;
    const before = fixture.connect(target);
    const after = fixture.connect(target, { credentials: channelTls(readTlsFolder(gateway), { service: "queue" }) });
    for (let call = 0; call < 20; call += 1) {
      await before.get({ taskId: "t1" });
      await after.get({ taskId: "t1" });
    }
    assert.deepEqual(counts, { plain: 20, tls: 20 });
  });

  it("are refused with an expired certificate, on both sides", async () => {
    const [gateway, old] = [await certificates.issue("gateway"), await certificates.issue("queue", { expired: true })];
    assert.match((await failure(stream(connectTo(await serve(old), gateway)))).message, /certificate has expired/);
    const queue = await serve(await certificates.issue("queue"));
    await certificates.issue("gateway", { expired: true });
    assert.match((await failure(stream(connectTo(queue, gateway)))).message, /could not be reached/);
  });

  it("are refused with a certificate of another authority, on both sides", async () => {
    const others = fixture.own(await Certificates.open());
    const [gateway, queue] = [await certificates.issue("gateway"), await serve(await certificates.issue("queue"))];
    const stranger = await others.issue("gateway");
    assert.match((await failure(stream(connectTo(queue, stranger)))).message, /self-signed|unable to (get|verify)/);
    await cp(join(gateway, "ca.crt"), join(stranger, "ca.crt"));
    assert.match((await failure(stream(connectTo(queue, stranger)))).message, /could not be reached/);
    assert.deepEqual(await stream(connectTo(queue, gateway)), [1]);
  });

  it("renew certificates and their authority under load, without a failed call and without a restart", async () => {
    const services = ["queue", "gateway"];
    for (const service of services) await certificates.issue(service);
    const [queueDir, gatewayDir] = [join(certificates.folder, "queue"), join(certificates.folder, "gateway")];
    // The server is the last to see a change.
    const server = await serve(queueDir, 200);
    const gateway = open(gatewayDir, 120);
    const credentials = channelTls(() => gateway.tls, { service: "queue" });
    const lasting = fixture.connect(server, { credentials });
    const loading = new AbortController();
    let calls = 0;
    const load = async (): Promise<void> => {
      while (!loading.signal.aborted) {
        // A new connection for each call: this is where certificates are checked.
        const fresh = fixture.connect(server, { credentials });
        await stream(fresh);
        await lasting.get({ taskId: "t1" });
        fresh.close();
        calls += 2;
      }
    };
    const loads = Promise.all([load(), load()]);

    for (const renew of [
      () => certificates.issue("queue"),
      () => certificates.issue("gateway"),
      () => certificates.replaceAuthority(...services),
      () => certificates.replaceAuthority(...services),
    ]) {
      await renew();
      const before = calls;
      await eventually(async () => {
        assert.deepEqual(gateway.tls, readTlsFolder(gatewayDir));
        assert.equal(await shown(server, gatewayDir), serialIn(queueDir));
        assert.ok(calls > before + 4);
      });
    }
    loading.abort();
    await loads;
    assert.deepEqual(
      lines.filter(({ level }) => level > 40),
      [],
    );
  });

  it("accept a new authority two looks before they use a certificate of it, so that others accept it by then", async () => {
    const path = join(certificates.folder, "link");
    await cp(await certificates.issue("queue"), join(certificates.folder, "old"), { recursive: true });
    await symlink("old", path);
    mock.timers.enable({ apis: ["setInterval"] });
    try {
      const folder = open(path);
      const before = folder.tls;
      const changes: Tls[] = [];
      folder.onChange((tls) => changes.push(tls));
      await certificates.replaceAuthority("queue");
      // Everything changes at the same time.
      await symlink("queue", join(certificates.folder, "next"));
      await rename(join(certificates.folder, "next"), path);
      const after = readTlsFolder(path);
      assert.notDeepEqual(after, before);
      const accepting = { ...before, ca: after.ca };
      for (const expected of [[accepting], [accepting], [accepting, after], [accepting, after]]) {
        mock.timers.tick(10);
        assert.deepEqual(changes, expected);
        assert.deepEqual(folder.tls, expected.at(-1));
      }
    } finally {
      mock.timers.reset();
    }
  });

  it("keep the old certificate while a renewal is half written or damaged, and say so once", async () => {
    const gateway = await certificates.issue("gateway");
    const folder = await certificates.issue("queue");
    const server = await serve(folder);
    const before = await shown(server, gateway);
    const next = await certificates.issue("queue", { in: "next" });
    const warnings = () => lines.filter(({ level }) => level === 40);

    /** At one moment, so that no look finds the file missing or half written. */
    const put = async (file: string, text: string) => {
      await writeFile(join(folder, "written"), text);
      await rename(join(folder, "written"), join(folder, file));
    };
    const [certificate, key] = await Promise.all(
      ["tls.crt", "tls.key"].map((file) => readFile(join(next, file), "utf8")),
    );
    assert.ok(certificate && key);

    await put("tls.crt", certificate);
    await eventually(() => assert.match(String(warnings()[0]?.err?.message), /tls\.key is not the key of tls\.crt$/));
    assert.equal(await shown(server, gateway), before);
    await put("tls.crt", certificate.slice(0, -40));
    await eventually(() =>
      assert.match(
        String(warnings()[1]?.err?.message),
        /tls\.crt cannot be used: a certificate in PEM is not complete/,
      ),
    );
    assert.equal(await shown(server, gateway), before);

    await put("tls.key", key);
    await put("tls.crt", certificate);
    await eventually(async () => assert.notEqual(await shown(server, gateway), before));
    assert.equal(warnings().length, 2, JSON.stringify(warnings()));
  });

  it("see a renewal by a symbolic link, as Kubernetes does it", async () => {
    const gateway = await certificates.issue("gateway");
    const secret = join(certificates.folder, "secret");
    const [one, two] = [
      await certificates.issue("queue", { in: "one" }),
      await certificates.issue("queue", { in: "two" }),
    ];
    await mkdir(secret);
    await symlink(one, join(secret, "..data"));
    for (const file of ["ca.crt", "tls.crt", "tls.key"]) await symlink(join("..data", file), join(secret, file));
    const server = await serve(secret);
    const before = await shown(server, gateway);
    await symlink(two, join(secret, "..next"));
    await rename(join(secret, "..next"), join(secret, "..data"));
    await eventually(async () => assert.notEqual(await shown(server, gateway), before));
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ["certificates changed"],
    );
  });

  it("do not start with files that are missing, damaged, or of another service", async () => {
    const folder = await certificates.issue("queue");
    assert.throws(
      () => readTlsFolder(folder, { service: "monitor" }),
      /tls\.crt is the certificate of the service queue/,
    );
    await writeFile(join(folder, "ca.crt"), "");
    assert.throws(() => readTlsFolder(folder), /ca\.crt has no certificate in PEM$/);
    assert.ok(readTlsFolder(folder, { ca: false }));
    await writeFile(join(folder, "tls.key"), "no key");
    assert.throws(() => readTlsFolder(folder, { ca: false }), /tls\.key cannot be used: /);
    await rm(join(folder, "tls.key"));
    assert.throws(() => readTlsFolder(folder, { ca: false }), /tls\.key cannot be read: ENOENT/);
  });

  it("prove who they are again after some time, without a failed call", async () => {
    const gateway = await certificates.issue("gateway");
    const credentials = serverTls(open(await certificates.issue("queue")));
    const done = new AbortController();
    const proofs = new Set<string>();
    const server = await fixture.serve(
      {
        async *watch() {
          yield entry(1);
          await once(done.signal, "abort");
          yield entry(2);
        },
      },
      {
        credentials,
        connections: { ageMs: 400 },
        admit: async (_, { address, peerCertificate }) => {
          if (peerCertificate) proofs.add(address);
          return undefined;
        },
      },
    );
    const queue = connectTo(server, gateway);
    const watching = [stream(queue)];
    while (proofs.size < 4) {
      await Promise.all(Array.from({ length: 100 }, () => queue.get({ taskId: "t1" })));
      watching.push(stream(queue));
    }

    await certificates.issue("gateway", { expired: true });
    const late = { timeoutMs: 1_000 };
    await eventually(async () => assert.match((await failure(queue.get({}, late))).message, /could not be reached/));
    done.abort();
    // Calls that began on old connections end there.
    for (const each of watching) assert.deepEqual(await each, [1, 2]);
  });

  it("prove who they are with each connection: no session is resumed", async () => {
    const gateway = await certificates.issue("gateway");
    const queue = await serve(await certificates.issue("queue"));
    const first = await reach(queue, gateway);
    assert.equal((await reach(queue, gateway, first.getSession())).isSessionReused(), false);
  });

  it("refuse TLS 1.2, and a connection without a certificate, as openssl sees it", async function () {
    await run("openssl", ["version"]).catch(() => skip(this, "the command openssl is not installed"));
    const gateway = await certificates.issue("gateway");
    const { port } = await serve(await certificates.issue("queue"));
    const ask = async (...args: readonly string[]): Promise<string> => {
      const trust = ["-CAfile", join(gateway, "ca.crt"), "-alpn", "h2"];
      const client = run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...trust, ...args]);
      // It ends when the server ends the connection.
      const { stdout, stderr } = await client.catch((error: { stdout: string; stderr: string }) => error);
      return stdout + stderr;
    };
    const own = ["-cert", join(gateway, "tls.crt"), "-key", join(gateway, "tls.key")];
    assert.match(await ask(...own, "-tls1_2"), /alert protocol version/);
    assert.match(await ask(), /alert certificate required/);
  });
});
