import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:tls";
import type { Identity } from "@ccsp/identity";
import { type Authority, createAuthority } from "@ccsp/testkit";
import type { ChannelCredentials } from "@grpc/grpc-js";
import { type Admit, channelTls, type GrpcServer, serverTls } from "../src/index.js";
import { Fixture } from "./fixture.js";
import { drain, entry, failure, type Queue, type QueueHandlers } from "./queue-stub.js";
import { healthClient } from "./standard-clients.js";

const GATEWAY: Identity = {
  kind: "service",
  subject: "gateway",
  scopes: [],
  proof: "certificate",
  expireTime: new Date(0),
};

/** Uses a stream because a stream does not wait for a server to come: it fails immediately. */
const refused = (queue: Queue) => failure(drain(queue.watch({ taskId: "t1" })));

describe("a server with TLS", () => {
  const fixture = new Fixture();
  let authority: Authority;
  let ca: string;
  before(async function () {
    authority = await createAuthority(this);
    ({ ca } = authority);
  });
  afterEach(() => fixture.close());
  after(() => authority?.close());

  /** The server accepts only clients with a certificate. */
  const serve = async (handlers: Partial<QueueHandlers> = {}) =>
    fixture.serve(handlers, { credentials: serverTls({ ca, ...(await authority.issue("queue")) }) });
  const connectTo = (server: GrpcServer, credentials: ChannelCredentials, serverName = "queue") =>
    fixture.connect(server, { credentials, serverName });
  const withCertificate = async () => channelTls({ ca, ...(await authority.issue("gateway")) });

  it("answers calls, streams and deadlines of a client that has a certificate", async () => {
    const server = await serve({
      list: () => new Promise(() => undefined),
      async *watch() {
        for (let sequence = 1; sequence <= 100; sequence += 1) yield entry(sequence, "x".repeat(10_000));
      },
    });
    const queue = connectTo(server, await withCertificate());
    assert.equal((await queue.get({ taskId: "t1" })).task?.id, "t1");
    assert.equal((await drain(queue.watch({ taskId: "t1" }))).length, 100);
    assert.equal((await failure(queue.list({}, { timeoutMs: 300 }))).reason, "DEADLINE_EXCEEDED");
  });

  it("answers the health check of such a client", async () => {
    const { port } = await serve();
    const health = fixture.own(healthClient(port, { secure: await withCertificate(), serverName: "queue" }));
    assert.equal(await health.check(""), "SERVING");
  });

  it("refuses a client without a certificate, with one of another authority, and without TLS", async function () {
    const calls: string[] = [];
    const server = await serve({
      async *watch({ taskId }) {
        calls.push(taskId);
        yield entry(1);
      },
    });
    const stranger = fixture.own(await createAuthority(this));
    const foreign = channelTls({ ca, ...(await stranger.issue("gateway")) });
    for (const credentials of [channelTls({ ca }), foreign, undefined]) {
      const error = await refused(fixture.connect(server, { credentials, serverName: "queue" }));
      assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
      assert.match(error.message, /^127\.0\.0\.1:\d+ could not be reached for/);
    }
    assert.deepEqual(calls, []);
  });

  it("verifies the certificate for the function that admits calls, whose answer is in each handler's context", async () => {
    const seen: (Identity | undefined)[] = [];
    const admit: Admit = async (_method, { authorization, peerCertificate }) => {
      assert.ok(peerCertificate);
      assert.equal(authorization, "Bearer x");
      return { ...GATEWAY, subject: String(peerCertificate.subject.CN) };
    };
    const credentials = serverTls({ ca, ...(await authority.issue("queue")) });
    const server = await fixture.serve(
      {
        async get(_request, { identity }) {
          seen.push(identity);
          return { task: undefined };
        },
        async *watch(_request, { identity }) {
          seen.push(identity);
          yield entry(1);
        },
      },
      { admit, credentials },
    );
    const queue = connectTo(server, await withCertificate());
    const metadata = { authorization: "Bearer x" };
    await queue.get({}, { metadata });
    await drain(queue.watch({}, { metadata }));
    assert.deepEqual(seen, [GATEWAY, GATEWAY]);
  });

  it("is refused by a client that does not know its authority, or expects another name", async () => {
    const server = await serve();
    const unaware = connectTo(server, channelTls(await authority.issue("gateway")));
    assert.match((await refused(unaware)).message, /self-signed certificate in certificate chain$/);
    const misled = connectTo(server, await withCertificate(), "monitor");
    assert.match((await refused(misled)).message, /monitor\. is not in the cert's altnames/);
  });

  it("accepts clients without a certificate when it has no authority to check them with", async () => {
    const server = await fixture.serve({}, { credentials: serverTls(await authority.issue("queue")) });
    assert.ok(await connectTo(server, channelTls({ ca })).get({ taskId: "t1" }));
  });

  it("accepts no version older than TLS 1.3", async () => {
    const { port } = await serve();
    const { certificate: cert, key } = await authority.issue("gateway");
    const socket = connect({ port, host: "127.0.0.1", servername: "queue", ca, cert, key, maxVersion: "TLSv1.2" });
    const [error] = await once(socket, "error");
    assert.match(String(error), /protocol version/);
  });
});
