import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createAuthority, eventually } from "@ccsp/testkit";
import { Registry } from "prom-client";
import { type ConnectionBounds, type GrpcServer, serverTls } from "../src/index.js";
import { Fixture } from "./fixture.js";
import { gate } from "./gate.js";
import { entry, taskNamed } from "./queue-stub.js";

describe("the connections of a server", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  const serve = async (
    connections: Partial<ConnectionBounds>,
    options: Partial<Parameters<Fixture["serve"]>[1]> = {},
    handlers: Parameters<Fixture["serve"]>[0] = {},
  ) => {
    const registry = new Registry();
    const server = await fixture.serve(handlers, { connections, registry, ...options });
    const refused = async () => (await registry.metrics()).match(/^rpc_server_refused_total.* [1-9]\d*$/gm) ?? [];
    return { server, refused };
  };
  const tcp = async ({ port }: GrpcServer): Promise<Socket> => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined).resume();
    fixture.own({ close: () => socket.destroy() });
    await once(socket, "connect");
    return socket;
  };
  const http2 = async ({ port }: GrpcServer): Promise<ClientHttp2Session> => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", () => undefined);
    fixture.own({ close: () => session.destroy() });
    // Before the client knows the settings of the server, the header bound is Node's 64 KiB.
    await once(session, "remoteSettings");
    return session;
  };
  const call = (session: ClientHttp2Session, headers: Record<string, string> = {}) => {
    const stream = session.request({
      ":method": "POST",
      ":path": QueueServiceService.get.path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => undefined).resume();
    return stream;
  };

  it("are closed above the bound of all addresses together", async () => {
    const { server, refused } = await serve({ connections: 1 });
    await tcp(server);
    const second = await tcp(server);
    if (!second.closed) await once(second, "close");
    assert.deepEqual(await refused(), ['rpc_server_refused_total{limit="all_connections"} 1']);
  });

  it("are closed if the client does not begin to speak, with TLS and without", async function () {
    const authority = fixture.own(await createAuthority(this));
    const credentials = serverTls({ ca: authority.ca, ...(await authority.issue("queue")) });
    for (const options of [{}, { credentials }]) {
      const { server, refused } = await serve({ handshakeMs: 50 }, options);
      const silent = await tcp(server);
      if (!silent.closed) await once(silent, "close");
      assert.deepEqual(await refused(), ['rpc_server_refused_total{limit="handshake"} 1']);
    }
  });

  it("are closed if the client does not finish the handshake of TLS", async function () {
    const authority = fixture.own(await createAuthority(this));
    const credentials = serverTls({ ca: authority.ca, ...(await authority.issue("queue")) });
    const { server } = await serve({ handshakeMs: 50 }, { credentials });
    const slow = await tcp(server);
    slow.write(Buffer.from([22]));
    if (!slow.closed) await once(slow, "close");
  });

  it("are closed when they are idle, and clients connect again with their next call", async () => {
    const { server } = await serve({ idleMs: 50 });
    const session = await http2(server);
    if (!session.closed) await once(session, "close");
    const half = await tcp(server);
    half.write("PRI");
    if (!half.closed) await once(half, "close");
    const queue = fixture.connect(server);
    assert.equal((await queue.get({ taskId: "t1" })).task?.id, "t1");
    const other = await http2(server);
    if (!other.closed) await once(other, "close");
    assert.equal((await queue.get({ taskId: "t2" })).task?.id, "t2");
  });

  it("take no more calls above their age, and let the calls in progress end", async () => {
    const all = gate();
    const { server } = await serve(
      { ageMs: 50 },
      {},
      {
        async *watch() {
          yield entry(1);
          await all.opened;
          yield entry(2);
        },
        get: async ({ taskId }) => taskNamed(taskId),
      },
    );
    const session = await http2(server);
    const queue = fixture.connect(server);
    const watch = queue.watch({ taskId: "t1" })[Symbol.asyncIterator]();
    await watch.next();
    if (!session.closed) await once(session, "close");
    assert.equal((await queue.get({ taskId: "t2" })).task?.id, "t2");
    all.open();
    const last = await watch.next();
    assert.equal(last.done, false, "the watch goes on");
  });

  it("reset a call with too large or too many headers, and serve the other calls", async () => {
    const { server } = await serve({ headerBytes: 4_096 }, {}, { get: async ({ taskId }) => taskNamed(taskId) });
    const session = await http2(server);
    for (const headers of [
      { "x-large": "x".repeat(8_000) },
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`x-${i}`, "1"])),
    ]) {
      const stream = call(session, headers);
      await eventually(() => assert.equal(stream.rstCode, 11, "ENHANCE_YOUR_CALM"));
    }
    const good = call(session);
    const body = QueueServiceService.get.requestSerialize({ taskId: "t1", agentId: "" });
    good.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
    await eventually(() => assert.equal(good.closed, true));
    assert.equal(good.rstCode, 0);
  });
});
