import assert from "node:assert/strict";
import { type ConsulAgent, freePort, needsConsul, startConsul } from "@ccsp/fleet";
import { CallError } from "@ccsp/grpc-kit";
import { eventually, type LeakCheck, leakCheck, withinRunningTime } from "@ccsp/testkit";
import { announce } from "../src/index.js";
import { checksOf, Fixture, listed, log, portsOf, registered } from "./fixture.js";

type Asker = ReturnType<Fixture["connect"]>;

/** Counts the answers of each instance. A failed call fails the test. */
async function ask(client: Asker, times: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const name = await client.whoAnswers();
    answers[name] = (answers[name] ?? 0) + 1;
  }
  return answers;
}

/**
 * Calls without a pause until `change` is done. Each call has a second of the time in which this process runs, so that
 * no call can wait for the end of the change. Caller and servers are in this process: a pause of it is not a fault.
 */
async function askDuring(client: Asker, change: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const done = change.finally(() => over.abort());
  while (!over.signal.aborted) await withinRunningTime(1_000, client.whoAnswers());
  await done;
}

async function answeredBy(client: Asker, names: readonly string[]): Promise<void> {
  await eventually(async () => assert.deepEqual(Object.keys(await ask(client, 20)).toSorted(), names), {
    timeoutMs: 15_000,
    what: `answers from ${names.join(" and ")}`,
  });
}

describe("a consul:/// target", function () {
  this.timeout(60_000);
  const fixture = new Fixture();
  let leaks: LeakCheck;
  let consul: ConsulAgent;
  before(async function () {
    needsConsul(this);
    leaks = leakCheck();
    consul = await startConsul();
  });
  after(async () => {
    await consul?.stop();
    await leaks?.check();
  });
  afterEach(() => fixture.close());

  it("shares calls evenly between the instances that Consul lists", async () => {
    fixture.schemes(consul.url);
    await fixture.start("a", consul.url, "even");
    await fixture.start("b", consul.url, "even");
    const client = fixture.connect("consul:///even");
    await answeredBy(client, ["a", "b"]);
    assert.deepEqual(await ask(client, 20), { a: 10, b: 10 });
  });

  it("finds an instance that crashed and came back under its name on another port", async () => {
    fixture.schemes(consul.url);
    const before = await fixture.start("a", consul.url, "moved");
    const after = await fixture.start("a", consul.url, "moved");
    await before.vanish();
    // On a busy machine, the live instance may have missed a check.
    await eventually(async () => assert.deepEqual(await portsOf(consul.url, "moved"), [after.port]));
    assert.equal(await fixture.connect("consul:///moved").whoAnswers(), "a");
  });

  it("uses the other instance without a failed call when one stops, and when one vanishes", async () => {
    fixture.schemes(consul.url);
    const a = await fixture.start("a", consul.url, "leaving");
    const b = await fixture.start("b", consul.url, "leaving");
    await fixture.start("c", consul.url, "leaving");
    const client = fixture.connect("consul:///leaving");
    await answeredBy(client, ["a", "b", "c"]);

    await askDuring(client, a.stop());
    assert.deepEqual(await registered(consul.url, "leaving"), ["b", "c"]);
    await askDuring(client, b.vanish());
    assert.deepEqual(await ask(client, 20), { c: 20 });
  });

  it("finds an instance that starts later", async () => {
    fixture.schemes(consul.url);
    await fixture.start("a", consul.url, "growing");
    const client = fixture.connect("consul:///growing");
    await answeredBy(client, ["a"]);
    await fixture.start("b", consul.url, "growing");
    await answeredBy(client, ["a", "b"]);
  });

  it("fails with UNAVAILABLE, naming the target, while no instance is listed, and finds the next instance", async () => {
    fixture.schemes(consul.url);
    const client = fixture.connect("consul:///nobody");
    for (const call of [client.watch(), client.whoAnswers(30_000)]) {
      await assert.rejects(call, (error: unknown) => {
        assert.ok(error instanceof CallError);
        assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
        assert.match(error.message, /consul:\/\/\/nobody: Consul knows no healthy instance/);
        return true;
      });
    }
    await fixture.start("late", consul.url, "nobody");
    await eventually(async () => assert.equal(await client.whoAnswers(30_000), "late"));
  });

  it("fails with UNAVAILABLE, naming the missing part, without Consul's address or without Consul", async () => {
    fixture.schemes(undefined);
    await assert.rejects(fixture.connect("consul:///queue").watch(), /consul:\/\/\/queue: .*CCSP_CONSUL_URL/);
    fixture.schemes("http://127.0.0.1:1");
    await assert.rejects(
      fixture.connect("consul:///queue").watch(),
      /Consul at http:\/\/127\.0\.0\.1:1 does not answer/,
    );
  });
});

/** As 0.2.0 registers itself. */
async function registerAs020(consulUrl: string, service: string, id: string, port: number): Promise<void> {
  const check = { Name: "grpc health", GRPC: `127.0.0.1:${port}`, Interval: "1s", Timeout: "2s", Status: "passing" };
  const body = { ID: id, Name: service, Address: "127.0.0.1", Port: port, Check: check };
  const url = `${consulUrl}/v1/agent/service/register`;
  assert.equal((await fetch(url, { method: "PUT", body: JSON.stringify(body) })).status, 200);
}

describe("the list of instances in Consul", function () {
  this.timeout(60_000);
  const fixture = new Fixture();
  let consul: ConsulAgent;
  before(async function () {
    needsConsul(this);
    consul = await startConsul();
  });
  after(() => consul?.stop());
  afterEach(() => fixture.close());

  it("leaves out an instance while its ops port says that it is not ready", async () => {
    const list = () => listed(consul.url, "unready");
    const a = await fixture.start("a", consul.url, "unready");
    await fixture.start("b", consul.url, "unready");
    a.ops.status = 503;
    await eventually(async () => assert.deepEqual(await list(), ["b"]), { timeoutMs: 15_000 });
    a.ops.status = 200;
    await eventually(async () => assert.deepEqual(await list(), ["a", "b"]), { timeoutMs: 15_000 });
  });

  it("has an instance of 0.2.0 beside one of today, which stays in it although a crashed one of 0.2.0 had its id", async () => {
    const list = () => listed(consul.url, "both");
    await registerAs020(consul.url, "both", "a", 1);
    await registerAs020(consul.url, "both", "b", (await fixture.serve("b")).port);
    await fixture.start("a", consul.url, "both");
    assert.deepEqual(await checksOf(consul.url, "a"), ["ready passing"], "not that of 0.2.0");
    await eventually(async () => assert.deepEqual(await list(), ["a", "b"]), { timeoutMs: 15_000 });
  });
});

describe("when Consul stops and comes back empty", function () {
  this.timeout(60_000);
  const fixture = new Fixture();
  let leaks: LeakCheck;
  let consul: ConsulAgent;
  before(async function () {
    needsConsul(this);
    leaks = leakCheck();
    consul = await startConsul();
  });
  after(async () => {
    await consul?.stop();
    await leaks?.check();
  });
  afterEach(() => fixture.close());

  it("clients see no failure, instances register again, and later changes are seen", async () => {
    fixture.schemes(consul.url);
    await fixture.start("a", consul.url, "lasting");
    const b = await fixture.start("b", consul.url, "lasting");
    const client = fixture.connect("consul:///lasting");
    await eventually(async () => assert.deepEqual(await ask(client, 20), { a: 10, b: 10 }));

    await askDuring(client, consul.kill9());
    assert.deepEqual(await ask(client, 20), { a: 10, b: 10 });
    await askDuring(client, consul.restart());
    const back = eventually(async () => assert.deepEqual(await listed(consul.url, "lasting"), ["a", "b"]), {
      timeoutMs: 15_000,
    });
    await askDuring(client, back);

    await askDuring(client, b.stop());
    await fixture.start("c", consul.url, "lasting");
    await answeredBy(client, ["a", "c"]);
  });
});

const NOWHERE = { host: "127.0.0.1", port: 1, ops: { host: "127.0.0.1", port: 1 } } as const;

describe("announcing an instance", function () {
  this.timeout(60_000);
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("neither fails nor waits while Consul cannot be reached, and registers when Consul returns", async function () {
    needsConsul(this);
    const port = await freePort();
    const consulUrl = `http://127.0.0.1:${port}`;
    await fixture.start("early", consulUrl, "early");
    const consul = await startConsul({ httpPort: port });
    try {
      await eventually(async () => assert.deepEqual(await listed(consulUrl, "early"), ["early"]), {
        timeoutMs: 15_000,
      });
      await fixture.close();
      assert.deepEqual(await registered(consulUrl, "early"), []);
    } finally {
      await consul.stop();
    }
  });

  it("is withdrawn within a limit even when Consul has died", async () => {
    const listing = await announce({
      consul: { url: "http://127.0.0.1:1" },
      name: "gone",
      id: "gone",
      ...NOWHERE,
      log,
    });
    await listing.close();
  });

  it("does nothing without Consul's address", async () => {
    const listing = await announce({ consul: undefined, name: "x", id: "x", ...NOWHERE, log });
    await listing.close();
  });
});
