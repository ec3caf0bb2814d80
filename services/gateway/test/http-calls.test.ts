import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { CallerBounds } from "@ccsp/grpc-kit";
import type { Identity } from "@ccsp/identity";
import { eventually } from "@ccsp/testkit";
import fastifyCookie from "@fastify/cookie";
import { status } from "@grpc/grpc-js";
import fastify, { type FastifyInstance } from "fastify";
import type { Guard } from "../src/application/guard.js";
import { HttpCalls } from "../src/http/http-calls.js";
import { sessionCookie } from "../src/http/session-cookie.js";

const ANN: Identity = { kind: "agent", subject: "ann", scopes: [], proof: "token" };
const BODY = { method: "POST", headers: { "content-type": "application/json", "content-length": "2" } };

describe("calls over HTTP", () => {
  let app: FastifyInstance;
  let prove: () => void;
  let proving: number;
  let gone: number;
  let open: number;
  let observed: (readonly [string, string | undefined])[];

  beforeEach(async () => {
    [proving, gone, open] = [0, 0, 0];
    observed = [];
    const proven = new Promise<void>((resolve) => (prove = resolve));
    const guard: Pick<Guard, "admitToFirst"> = {
      async admitToFirst([path = ""]) {
        proving += 1;
        await proven;
        return { path, identity: ANN };
      },
    };
    const meter = {
      arrived: () => undefined,
      began() {
        open += 1;
        return { moved: () => undefined, ended: () => void (open -= 1) };
      },
    };
    const limits = { unfinishedRequests: 1, bodyMs: 30_000, abandonedPerSecond: 30 };
    const calls = new HttpCalls({
      guard,
      callers: new CallerBounds({ limits, meter }),
      observe: (path, code) => void observed.push([path, status[code]]),
    });
    app = fastify();
    await app.register(fastifyCookie);
    app.decorate("sessionCookie", sessionCookie(false));
    app.addHook("onRequest", (_request, reply, done) => {
      reply.raw.once("close", () => (gone += 1));
      done();
    });
    app.get("/slow", { onRequest: calls.admit("/a.Service/Call") }, () => new Promise(() => undefined));
    app.get("/fails/:code", { onRequest: calls.admit("/a.Service/Call") }, (asked, reply) =>
      reply.code(Number(Object(asked.params).code)).send(""),
    );
    app.post("/", { onRequest: calls.admit("/a.Service/Call") }, () => "done");
    await app.listen({ host: "127.0.0.1", port: 0 });
  });
  afterEach(() => app.close());

  const send = () => request(app.listeningOrigin, BODY).on("error", () => undefined);

  it("hold nothing of a caller who leaves before it is known who calls", async () => {
    const leaves = send();
    leaves.flushHeaders();
    await eventually(() => assert.equal(proving, 1));
    leaves.destroy();
    await eventually(() => assert.equal(gone, 1));
    prove();
    // Its place is free again: the caller may send one body at a time.
    const status = await new Promise((resolve) => {
      send()
        .once("response", (answer) => resolve(answer.resume().statusCode))
        .end("{}");
    });
    assert.equal(status, 200);
    await eventually(() => assert.equal(open, 0));
  });

  it("are told for the objectives as the call that they stand for, with what CCSP failed at", async () => {
    prove();
    for (const code of [200, 404, 429, 500, 503, 504]) await fetch(`${app.listeningOrigin}/fails/${code}`);
    const codes = ["OK", "FAILED_PRECONDITION", "FAILED_PRECONDITION", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED"];
    const expected = codes.map((code) => ["/a.Service/Call", code]);
    await eventually(() => assert.deepEqual(observed, expected));
  });

  it("end with their connection, also those whose answers wait for an earlier one", async () => {
    prove();
    const { hostname, port } = new URL(app.listeningOrigin);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
    await eventually(() => assert.equal(open, 3));
    socket.destroy();
    await eventually(() => assert.equal(open, 0));
  });
});
