import assert from "node:assert/strict";
import { CallError, channelTls, serverTls } from "@ccsp/grpc-kit";
import { createAuthority, eventually } from "@ccsp/testkit";
import { type Findings, registerScheme } from "../src/grpc-resolver.js";
import { Fixture } from "./fixture.js";

const unavailable = (error: unknown): boolean =>
  error instanceof CallError &&
  error.reason === "DEPENDENCY_UNAVAILABLE" &&
  error.message.includes("Consul does not answer");

/** A scheme for which the test invents the results. */
function madeUp(scheme: string) {
  const opened: { name: string; findings: Findings; closed: boolean }[] = [];
  registerScheme(scheme, (name, findings) => {
    const source = { name, findings, closed: false };
    opened.push(source);
    return {
      refresh: () => undefined,
      close() {
        source.closed = true;
      },
    };
  });
  return opened;
}

describe("a scheme of our own in grpc-js", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("keeps the known addresses when a later look-up fails", async () => {
    const [opened, server] = [madeUp("keeping"), await fixture.serve("a")];
    const client = fixture.connect("keeping:///name");
    const first = client.whoAnswers();
    const [source] = await eventually(() => (assert.equal(opened.length, 1), opened));
    assert.equal(source?.name, "name");
    source.findings.found([{ host: "127.0.0.1", port: server.port }]);
    assert.equal(await first, "a");

    source.findings.failed("away");
    await new Promise(setImmediate);
    assert.equal(await client.whoAnswers(), "a");
  });

  it("drops the known addresses when no instance is left, and finds new ones", async () => {
    const [opened, server] = [madeUp("dropping"), await fixture.serve("a")];
    const client = fixture.connect("dropping:///name");
    const first = client.whoAnswers();
    const [source] = await eventually(() => (assert.equal(opened.length, 1), opened));
    source?.findings.found([{ host: "127.0.0.1", port: server.port }]);
    await first;

    source?.findings.none("no instance is left");
    await new Promise(setImmediate);
    await assert.rejects(client.watch(), /dropping:\/\/\/name: no instance is left/);
    source?.findings.found([{ host: "127.0.0.1", port: server.port }]);
    await eventually(async () => assert.equal(await client.whoAnswers(), "a"));
  });

  it("fails every call at once when no address can be found, with the error of the look-up, so the caller can use another target", async () => {
    const opened = madeUp("unknown");
    const client = fixture.connect("unknown:///name");
    // The calls start before the look-up has ended. Their deadlines are longer than the test.
    const early = [client.whoAnswers(600_000), client.run(600_000)].map((call) => assert.rejects(call, unavailable));
    const [source] = await eventually(() => (assert.equal(opened.length, 1), opened));
    source?.findings.failed("Consul does not answer");
    await Promise.all(early);
    await assert.rejects(client.whoAnswers(600_000), unavailable);
    await assert.rejects(client.run(600_000), unavailable);
  });

  it("fails every call at once when the last instance has left, and serves calls again when one is back", async () => {
    const [opened, server] = [madeUp("leaving"), await fixture.serve("a")];
    const client = fixture.connect("leaving:///name");
    const first = client.whoAnswers();
    const [source] = await eventually(() => (assert.equal(opened.length, 1), opened));
    const here = () => source?.findings.found([{ host: "127.0.0.1", port: server.port }]);
    here();
    await first;
    source?.findings.none("no instance is left");
    await eventually(() => assert.rejects(client.whoAnswers(600_000), /no instance is left/));
    here();
    await eventually(async () => assert.equal(await client.whoAnswers(), "a"));
  });

  it("fails a call at once when grpc's own resolver does not know the name", async () => {
    await assert.rejects(fixture.connect("dns:///nobody.invalid:1").whoAnswers(600_000), /nobody\.invalid/);
  });

  it("lets a channel with TLS check that a server has the name of the target, whatever its address", async function () {
    const authority = fixture.own(await createAuthority(this));
    const { ca } = authority;
    const own = await authority.issue("executor");
    for (const [name, why] of [
      ["queue", undefined],
      ["monitor", /queue\. is not in the cert's altnames/],
    ] as const) {
      const opened = madeUp(`tls-${name}`);
      const server = await fixture.serve(name, serverTls({ ca, ...(await authority.issue(name)) }));
      const client = fixture.connect(`tls-${name}:///queue`, channelTls({ ca, ...own }));
      const answer = why ? client.watch() : client.whoAnswers();
      const [source] = await eventually(() => (assert.equal(opened.length, 1), opened));
      source?.findings.found([{ host: "127.0.0.1", port: server.port }]);
      if (why) await assert.rejects(answer, why);
      else assert.equal(await answer, name);
    }
  });

  it("closes its source with the channel", async () => {
    const opened = madeUp("closing");
    void fixture
      .connect("closing:///name")
      .whoAnswers(200)
      .catch(() => undefined);
    await eventually(() => assert.equal(opened.length, 1));
    await fixture.close();
    assert.equal(opened[0]?.closed, true);
  });
});
