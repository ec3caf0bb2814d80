import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { Refusal } from "@ccsp/errors";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { openRedis, orUnavailable, type RedisConnection, redisAway } from "../src/index.js";
import { bindPutOnce } from "./put-once.js";

const log = pino({ level: "silent" });

describe("openRedis on a standalone server", () => {
  let server: RedisServer;
  let redis: RedisConnection;

  beforeEach(async () => {
    server = await startRedis({ appendOnly: true });
    redis = await openRedis(server.url, { log, name: "test" });
  });
  afterEach(async () => {
    await redis.close();
    await server.stop();
  });

  it("survives a kill and restart: active calls are answered, and each took effect once", async () => {
    const putOnce = bindPutOnce(redis.client);
    const names = Array.from({ length: 300 }, (_, at) => `n${at}`);
    const calls = names.map((name) => putOnce(name, "1"));
    await server.kill9();
    await server.restart();
    await Promise.all(calls);
    await putOnce("after", "1");
    assert.deepEqual((await redis.client.lrange("test:{t}:order", 0, -1)).sort(), [...names, "after"].sort());
  });

  it("rejects within its limit when Redis stays down, with an outage error that a caller can handle", async () => {
    await server.kill9();
    const calls = [bindPutOnce(redis.client)("a", "1"), redis.client.get("a")];
    for (const call of calls) {
      await assert.rejects(
        orUnavailable(redis.client, () => call),
        { reason: "DEPENDENCY_UNAVAILABLE" },
      );
    }
  });

  it("reports an outage to each waiting caller before the connection has given up", async () => {
    await server.kill9();
    await eventually(() => assert.notEqual(redis.client.status, "ready"));
    let givenUp = false;
    const call = redis.client.get("a").finally(() => {
      givenUp = true;
    });
    await assert.rejects(
      orUnavailable(redis.client, () => call),
      { reason: "DEPENDENCY_UNAVAILABLE" },
    );
    assert.equal(givenUp, false);
    await server.restart();
    assert.equal(await call, null);
  });

  it("reports to each waiting caller within 2 s that Redis hangs behind an open connection, and continues when it answers", async () => {
    await redis.client.set("a", "1");
    process.kill(server.pid, "SIGSTOP");
    try {
      const get = () => redis.client.get("a");
      await assert.rejects(orUnavailable(redis.client, get), { reason: "DEPENDENCY_UNAVAILABLE" });
      assert.equal(redis.client.status, "ready", "before the connection notices the failure, after 5 s");
    } finally {
      process.kill(server.pid, "SIGCONT");
    }
    await eventually(async () => assert.equal(await orUnavailable(redis.client, () => redis.client.get("a")), "1"));
  });

  it("does not count time in which this process was blocked as an outage of Redis", async () => {
    await redis.client.set("a", "1");
    const get = orUnavailable(redis.client, () => redis.client.get("a"));
    // Blocks like a stopped process or a pause of its host: the answer arrives in this time, and the process reads it
    // only afterwards.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_100);
    assert.equal(await get, "1");
  });

  it("lets a call take longer if Redis answers in pieces", async () => {
    // Each piece takes 0.1 s or more, so all together take longer than a silent Redis may.
    const pieces = async () => {
      for (let piece = 0; piece < 30; piece++) await redis.client.blpop("nothing", 0.1);
    };
    await orUnavailable(redis.client, pieces);
  });

  it("reports that the memory of Redis is full, also for commands in a transaction", async () => {
    await redis.client.config("SET", "maxmemory", 1);
    const set = () => redis.client.set("a", "1");
    const both = () => redis.client.multi().set("a", "1").get("a").exec();
    for (const work of [set, both]) {
      await assert.rejects(orUnavailable<unknown>(redis.client, work), (error) => {
        assert.ok(error instanceof Refusal);
        assert.equal(error.reason, "QUEUE_FULL");
        assert.match(error.message, /memory of Redis is full \(maxmemory\)/);
        return true;
      });
    }
  });

  it("answers ping while Redis answers, and rejects at once while it does not", async () => {
    await redis.ping();
    await server.kill9();
    await eventually(() => assert.rejects(redis.ping(), /is not connected/));
    await server.restart();
    await eventually(() => redis.ping());
  });

  it("continues a blocked read after a restart", async () => {
    const reader = await redis.duplicate();
    const popped = reader.blpop("list", 0);
    await server.kill9();
    await server.restart();
    await redis.client.rpush("list", "x");
    assert.deepEqual(await popped, ["list", "x"]);
  });

  it("holds a write and a blocked read while the server is a replica, and continues when it is a master again", async () => {
    const putOnce = bindPutOnce(redis.client);
    const admin = await openRedis(server.url, { log, name: "admin" });
    const reader = await redis.duplicate();
    const popped = reader.blpop("list", 0);
    await eventually(async () => assert.match(await admin.client.info("clients"), /blocked_clients:1/));
    await admin.client.replicaof("127.0.0.1", "1");
    const put = putOnce("a", "1");
    const refusals = async () =>
      Number(/errorstat_READONLY:count=(\d+)/.exec(await admin.client.info("errorstats"))?.[1]);
    await eventually(async () => assert.ok((await refusals()) > 0));
    await admin.client.replicaof("NO", "ONE");
    assert.equal(await put, "ok");
    await redis.client.rpush("list", "x");
    assert.deepEqual(await popped, ["list", "x"]);
    await admin.close();
  });

  it("closes while a duplicate is blocked, and ends the call that waits on it", async () => {
    const reader = await redis.duplicate();
    const ended = assert.rejects(reader.blpop("list", 0), /Connection is closed/);
    await redis.close();
    await ended;
  });

  it("ends the call that waits on a duplicate also when it is closed while Redis is away", async () => {
    const reader = await redis.duplicate();
    const ended = assert.rejects(reader.blpop("list", 0), /Connection is closed/);
    await server.kill9();
    await eventually(() => assert.equal(reader.status, "reconnecting"));
    redis.release(reader);
    await ended;
  });

  it("closes while Redis is down", async () => {
    await server.kill9();
    await redis.close();
  });

  it("gives a Redis that is away two seconds for all commands of a process that stops", async () => {
    const stop = new AbortController();
    const stopping = await openRedis(server.url, { log, name: "stopping", stopping: stop.signal });
    await server.kill9();
    await eventually(() => assert.notEqual(stopping.client.status, "ready"));
    stop.abort();
    await assert.rejects(stopping.client.get("a"), /timed out/);
    let rejected = 0;
    for (let at = 0; at < 100; at++) stopping.client.get("a").catch(() => (rejected += 1));
    // Node runs timers in the order of their times, so a command that waits for less is rejected before this.
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(rejected, 100);
    await server.restart();
    await eventually(async () => assert.equal(await stopping.client.get("a"), null));
    await stopping.close();
  });

  it("reaches a Redis that comes back while a process stops, also where each answer takes a while", async () => {
    const link = createServer((near) => {
      const far = connect(server.port, "127.0.0.1");
      near.on("data", (bytes: Buffer) => setTimeout(() => far.write(bytes), 30));
      far.on("data", (bytes: Buffer) => near.write(bytes));
      for (const end of [near, far])
        end.on("error", () => undefined).on("close", () => [near, far].map((e) => e.destroy()));
    }).listen(0, "127.0.0.1");
    await once(link, "listening");
    const address = link.address();
    assert.ok(address !== null && typeof address === "object");
    const stop = new AbortController();
    const options = { log, name: "stopping", stopping: stop.signal };
    const stopping = await openRedis(`redis://127.0.0.1:${address.port}`, options);
    await server.kill9();
    await eventually(() => assert.notEqual(stopping.client.status, "ready"));
    stop.abort();
    await assert.rejects(stopping.client.get("a"), /timed out/);
    await server.restart();
    await eventually(async () => assert.equal(await stopping.client.get("a"), null));
    await stopping.close();
    link.close();
  });

  it("passes on a refusal of Redis that is not an outage", async () => {
    await redis.client.set("text", "x");
    await assert.rejects(
      orUnavailable(redis.client, () => redis.client.incr("text")),
      /not an integer/,
    );
  });
});

describe("openRedis at start", () => {
  it("waits for a server that starts later", async () => {
    const port = await freePort();
    const opening = openRedis(`redis://127.0.0.1:${port}/2`, { log, name: "test" });
    const server = await startRedis({ port });
    const redis = await opening;
    await redis.client.set("key", "value");
    assert.match(await redis.client.info("keyspace"), /db2:keys=1/);
    assert.match(await redis.client.client("INFO"), / name=ccsp-test /);
    await redis.close();
    await server.stop();
  });

  it("gives up after its limit, naming host and port and the cause, never the password", async () => {
    const port = await freePort();
    const opening = openRedis(`redis://:hunter2@127.0.0.1:${port}`, { log, name: "test", startMs: 2_000 });
    await assert.rejects(opening, (error) => {
      assert.match(String(error), new RegExp(`127\\.0\\.0\\.1:${port} was not ready within 2000 ms: .*ECONNREFUSED`));
      assert.doesNotMatch(JSON.stringify(error, Object.getOwnPropertyNames(error)), /hunter2/);
      return true;
    });
  });

  it("does the work of a start again while Redis refuses for now, says so once, and passes on every other error", async () => {
    const server = await startRedis();
    const said: string[] = [];
    const told = pino({ level: "warn" }, { write: (line: string) => void said.push(line) });
    const redis = await openRedis(server.url, { log: told, name: "test" });
    await redis.client.config("SET", "min-replicas-to-write", 1);
    let tries = 0;
    const set = () => {
      tries += 1;
      return redis.client.set("text", "x");
    };
    const done = redis.atStart(set);
    await eventually(() => assert.ok(tries > 2));
    await redis.client.config("SET", "min-replicas-to-write", 0);
    assert.equal(await done, "OK");
    assert.equal(said.length, 1);
    assert.match(said.join(), /NOREPLICAS.*redis does not serve yet, trying again/);
    await assert.rejects(
      redis.atStart(() => redis.client.incr("text")),
      /not an integer/,
    );
    await redis.close();
    await server.stop();
  });

  it("ends each wait of a start at once when the process stops", async () => {
    const port = await freePort();
    const stop = new AbortController();
    const options = { log, name: "test", stopping: stop.signal };
    const opening = openRedis(`redis://127.0.0.1:${port}`, options);
    opening.catch(() => undefined);
    const server = await startRedis();
    const redis = await openRedis(server.url, options);
    const work = redis.atStart(async () => Promise.reject(redisAway()));
    work.catch(() => undefined);
    stop.abort();
    await assert.rejects(opening, /the process stops, and Redis at .* does not answer/);
    await assert.rejects(work, { reason: "DEPENDENCY_UNAVAILABLE" });
    await redis.close();
    await server.stop();
  });

  it("gives up at once when the login is refused", async () => {
    const server = await startRedis({ args: ["--requirepass", "right"] });
    const open = (login: string) =>
      openRedis(`redis://${login}127.0.0.1:${server.port}`, { log, name: "test", startMs: 60_000 });
    await assert.rejects(open(":wrong@"), /refused the login: WRONGPASS/);
    await assert.rejects(open(""), /refused the login: NOAUTH/);
    const redis = await open(":right@");
    await redis.ping();
    await redis.close();
    await server.stop();
  });
});
