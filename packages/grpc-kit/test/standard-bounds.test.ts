import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { eventually } from "@ccsp/testkit";
import { Fixture } from "./fixture.js";
import { healthClient, reflect } from "./standard-clients.js";

const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const WATCH = "/grpc.health.v1.Health/Watch";
const HEADERS = { ":method": "POST", "content-type": "application/grpc", te: "trailers" };

/** A message with one text field, with the length prefix of gRPC. */
function framed(field: number, text: string): Buffer {
  const length: number[] = [];
  for (let rest = text.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  const body = Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), Buffer.from(text)]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

const DESCRIBE = framed(4, "ccsp.queue.v1.EnqueueRequest");

/** Everybody may ask for health and reflection, also who has not proven anything. */
describe("health and reflection, for a stranger who wants to do harm,", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  /** A client that reads only what it asks for: it opens no window. */
  async function raw(port: number): Promise<ClientHttp2Session> {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
    session.on("error", () => undefined);
    fixture.own({ close: () => session.destroy() });
    await once(session, "remoteSettings");
    return session;
  }
  const open = (session: ClientHttp2Session, path: string): ClientHttp2Stream =>
    session.request({ ...HEADERS, ":path": path }).on("error", () => undefined);
  const statusOf = async (stream: ClientHttp2Stream): Promise<unknown> => {
    const [headers] = await once(stream, "response");
    return headers["grpc-status"];
  };

  it("read no further question while its answers wait for their reader", async () => {
    const { port } = await fixture.serve({});
    const session = await raw(port);
    const stream = open(session, REFLECTION);
    const questions = 20_000;
    for (let asked = 0; asked < questions; asked += 1) stream.write(DESCRIBE);
    // In the time of this many checks, a server that reads on has read all of them.
    const health = fixture.own(healthClient(port));
    for (let check = 0; check < 1_000 && stream.writableLength > 0; check += 1) await health.check("");
    assert.ok(stream.writableLength > (DESCRIBE.length * questions) / 2, `${stream.writableLength} bytes wait`);
  });

  it("answer every question of a client that reads", async () => {
    const { port } = await fixture.serve({});
    const session = connect(`http://127.0.0.1:${port}`);
    fixture.own({ close: () => session.destroy() });
    const stream = open(session, REFLECTION);
    for (let asked = 0; asked < 200; asked += 1) stream.write(framed(4, "nobody"));
    stream.end();
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    const [trailers] = await once(stream, "trailers");
    assert.equal(trailers["grpc-status"], "0");
    assert.equal(
      Buffer.concat(chunks)
        .toString("latin1")
        .match(/Symbol nobody not found/g)?.length,
      200,
    );
  });

  it("refuse a request that is longer than any name", async () => {
    const { port } = await fixture.serve({});
    const session = await raw(port);
    for (const path of [REFLECTION, WATCH]) {
      const stream = open(session, path);
      stream.end(framed(path === WATCH ? 1 : 4, "n".repeat(5_000)));
      assert.equal(await statusOf(stream), "13", path);
    }
  });

  it("keep a watch of an unknown name open, and say that it is unknown", async () => {
    const { port } = await fixture.serve({});
    const health = fixture.own(healthClient(port));
    const watch = health.watch({ service: "nobody" }).on("error", () => undefined);
    assert.deepEqual((await once(watch, "data"))[0], { status: "SERVICE_UNKNOWN" });
    assert.equal(watch.destroyed, false);
    watch.cancel();
  });

  it("serve a hundred clients of reflection at once, and further ones when these have ended", async () => {
    const { port } = await fixture.serve({});
    const session = await raw(port);
    const streams = Array.from({ length: 100 }, () => open(session, REFLECTION));
    for (const stream of streams) stream.end(DESCRIBE);
    const refused = open(session, REFLECTION);
    refused.end(DESCRIBE);
    assert.equal(await statusOf(refused), "8");
    for (const stream of streams) stream.close();
    await eventually(async () => assert.match(JSON.stringify(await reflect(port, { listServices: "*" })), /Queue/));
  });
});
