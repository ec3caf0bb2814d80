import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { CallerBounds } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { eventually, scaled } from "@ccsp/testkit";
import pino from "pino";
import { type HttpServer, openHttp } from "../src/http/server.js";
import { sendStream } from "../src/rest/event-stream.js";

const ANN: Identity = { kind: "agent", subject: "ann", scopes: [], proof: "token" };
const log = pino({ level: "silent" });
/** Longer than the pauses between two looks for idle connections. */
const BUSY_MS = 100;

/** A server with a path for one answer, one for an answer that goes on until `finish`, and one for events without end. */
async function serve(lameDuckMs: number) {
  let finish = (): void => undefined;
  let arrived = 0;
  const http = await openHttp({
    ...{ agents: {} as never, operators: {} as never },
    guard: { admitToFirst: async ([path = ""]: readonly string[]) => ({ path, identity: ANN }) } as never,
    slices: [
      (app, { calls }) => {
        app.get("/one", { onRequest: calls.admit("/a.Service/One") }, () => {
          arrived += 1;
          return "the answer";
        });
        app.get("/part", (_request, reply) => {
          const { raw } = reply.hijack();
          raw.write("a part, ");
          finish = () => raw.end("and the rest");
        });
        app.get("/events", { onRequest: calls.admit("/a.Service/Events") }, (request, reply) => {
          const { call } = calls.admitted(request);
          const encode = () => "data: 1\n\n";
          const failed = () => "event: problem\n\n";
          return sendStream(reply, { calls, call, log, contentType: "text/event-stream", messages, encode, failed });
        });
      },
    ],
    webSocketPath: "/ws",
    settings: {
      listen: { host: "127.0.0.1", port: 0 },
      ...{ oldPaths: false, publicUrl: undefined, origins: [], traceUrl: undefined },
    },
    callers: new CallerBounds(),
    connections: {
      ...{ streamsPerConnection: 1, connectionsPerAddress: 10, connections: 10, headerBytes: 4_096 },
      ...{ handshakeMs: 60_000, idleMs: 60_000, ageMs: 60_000 },
    },
    ...{ bodyMs: 60_000, drainMs: 60_000, lameDuckMs, tls: undefined, log },
  });
  return { http, finish: () => finish(), arrived: () => arrived };
}

async function listens(port: number): Promise<boolean> {
  const other = connect(port, "127.0.0.1");
  try {
    await once(other, "connect");
    return true;
  } catch {
    return false;
  } finally {
    other.destroy();
  }
}

const messages: AsyncIterable<object> = {
  async *[Symbol.asyncIterator]() {
    yield {};
    await new Promise<never>(() => undefined);
  },
};

describe("the HTTP server that stops", function () {
  this.timeout(60_000);
  let http: HttpServer | undefined;
  let agent: Agent;
  let socket: Socket | undefined;
  let read = "";
  beforeEach(() => {
    [read, http, socket] = ["", undefined, undefined];
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(async () => {
    agent.destroy();
    socket?.destroy();
    await http?.close();
  });

  const open = (port: number) => {
    const opened = connect(port, "127.0.0.1").on("error", () => undefined);
    socket = opened.on("data", (bytes: Buffer) => (read += bytes.toString()));
    return opened;
  };
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const ended = async (asked: Socket) => {
    if (!asked.closed) await once(asked, "close");
    return read;
  };

  it("serves until the lame duck's time is over, and each answer ends its connection", async () => {
    const served = await serve(scaled(2_000));
    http = served.http;
    const { port } = http;
    const answerTo = async () => {
      const [answer = assert.fail()]: IncomingMessage[] = await once(get({ port, path: "/one", agent }), "response");
      return [answer.resume().statusCode, answer.headers.connection];
    };
    assert.deepEqual(await answerTo(), [200, "keep-alive"]);
    const closed = http.close();
    assert.deepEqual(await answerTo(), [200, "close"]);
    await closed;
  });

  it("serves a request that comes on a kept connection while it drains, and ends the connection", async () => {
    const served = await serve(0);
    http = served.http;
    const { port } = http;
    const kept = open(port);
    kept.write(ask("/part"));
    await eventually(() => assert.match(read, /a part, /));
    const closed = http.close();
    await eventually(async () => assert.equal(await listens(port), false));
    kept.write(ask("/one"));
    // A server that stops closes a connection on which nothing has arrived.
    await eventually(() => assert.equal(served.arrived(), 1));
    served.finish();
    const [, second = ""] = (await ended(kept)).split("and the rest");
    assert.match(second, /HTTP\/1\.1 200 OK/);
    assert.match(second, /^connection: close/im);
    assert.match(second, /the answer/);
    await closed;
  });

  it("serves a request that arrives on a kept connection while it is too busy to read it", async () => {
    const served = await serve(0);
    http = served.http;
    const { port } = http;
    const kept = open(port);
    kept.write(ask("/part"));
    await eventually(() => assert.match(read, /a part, /));
    const closed = http.close();
    await eventually(async () => assert.equal(await listens(port), false));
    // A look that is due now would come before the server reads what is asked below.
    await turn();
    // Nothing is asked on the connection any more, and then something is, before the server can look again.
    served.finish();
    kept.write(ask("/one"));
    for (const since = performance.now(); performance.now() - since < BUSY_MS; );
    assert.match(await ended(kept), /and the rest[^]*the answer/);
    await closed;
  });

  it("ends the connection of a stream with the stream, so that its reader comes back to another gateway", async () => {
    const served = await serve(0);
    http = served.http;
    const reader = open(http.port);
    reader.write(ask("/events"));
    await eventually(() => assert.match(read, /data: 1/));
    // It would come after the stream, on the same connection.
    reader.write(ask("/one"));
    const closed = http.close();
    const all = await ended(reader);
    assert.match(all, /^connection: close/im);
    assert.match(all, /event: problem/);
    assert.equal(all.match(/HTTP\/1\.1/g)?.length, 1, all);
    await closed;
  });
});
