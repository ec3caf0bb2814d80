import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { type LeakCheck, leakCheck, skip } from "@ccsp/testkit";
import { consulApi } from "../src/consul-api.js";

const never = new AbortController().signal;

/** A fake Consul whose answers the test writes. */
async function startFake(host: string, answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    server,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("a call to Consul", () => {
  let leaks: LeakCheck;
  let fake: Awaited<ReturnType<typeof startFake>> | undefined;
  beforeEach(() => {
    leaks = leakCheck();
  });
  afterEach(async () => {
    await fake?.close();
    fake = undefined;
    await leaks.check();
  });

  it("waits on the index for a newer answer, and returns the new index", async () => {
    let asked: string | undefined;
    fake = await startFake("127.0.0.1", (request, response) => {
      asked = request.url;
      response.writeHead(200, { "content-type": "application/json", "x-consul-index": "8" });
      response.end(JSON.stringify([{ Service: { Address: "", Port: 1 }, Node: { Address: "10.0.0.1" } }]));
    });
    const answer = await consulApi(fake).passing("a queue", { index: 7, waitMs: 10_000, signal: never });
    assert.equal(asked, "/v1/health/service/a%20queue?passing=true&index=7&wait=10000ms");
    assert.deepEqual(answer, { index: 8, addresses: [{ host: "10.0.0.1", port: 1 }] });
  });

  it("closes its connection when it is aborted", async () => {
    fake = await startFake("127.0.0.1", () => undefined);
    const ended = new AbortController();
    const asked = once(fake.server, "request");
    const answer = consulApi(fake).passing("queue", { index: 7, waitMs: 60_000, signal: ended.signal });
    const [request]: IncomingMessage[] = await asked;
    assert.ok(request);
    const closed = once(request.socket, "close");
    ended.abort();
    await assert.rejects(answer, /does not answer: .*aborted/);
    await closed;
  });

  it("is not made once its signal is aborted", async () => {
    fake = await startFake("127.0.0.1", () => assert.fail("asked"));
    await assert.rejects(consulApi(fake).knows("a", AbortSignal.abort()), /aborted/);
  });

  it("ends when there is no answer within its limit", async function () {
    this.timeout(10_000);
    fake = await startFake("127.0.0.1", () => undefined);
    await assert.rejects(consulApi(fake).deregister("a", never), /does not answer: .*timed out \(3000ms\)/);
  });

  it("reports the refusal of Consul", async () => {
    fake = await startFake("127.0.0.1", (_, response) => {
      response.writeHead(500, { "content-type": "text/plain" }).end("No cluster leader");
    });
    await assert.rejects(consulApi(fake).knows("a", never), /answered 500: .*No cluster leader/);
  });

  it("finds an agent by its IPv6 address", async function () {
    if (!networkInterfaces()["lo"]?.some(({ family }) => family === "IPv6")) skip(this, "this machine has no IPv6");
    fake = await startFake("::1", (_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end('{"a":{}}');
    });
    const api = consulApi(fake);
    assert.equal(await api.knows("a", never), true);
    assert.equal(await api.knows("b", never), false);
  });
});
