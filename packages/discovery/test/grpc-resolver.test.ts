import assert from "node:assert/strict";
import { eventually } from "@ccsp/testkit";
import { type Findings, registerScheme } from "../src/grpc-resolver.js";
import { Fixture } from "./fixture.js";

/** A scheme whose findings the test makes up. */
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

  it("keeps what was found when a later look-up fails", async () => {
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

  it("drops what was found when nobody is left, and finds them again", async () => {
    const [opened, server] = [madeUp("dropping"), await fixture.serve("a")];
    const client = fixture.connect("dropping:///name");
    const first = client.whoAnswers();
    const [source] = await eventually(() => (assert.equal(opened.length, 1), opened));
    source?.findings.found([{ host: "127.0.0.1", port: server.port }]);
    await first;

    source?.findings.nobody("nobody is left");
    await new Promise(setImmediate);
    await assert.rejects(client.watch(), /dropping:\/\/\/name: nobody is left/);
    const waiting = client.whoAnswers();
    source?.findings.found([{ host: "127.0.0.1", port: server.port }]);
    assert.equal(await waiting, "a");
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
