import assert from "node:assert/strict";
import { type EventEmitter, once } from "node:events";
import { mock } from "node:test";
import { eventually, type RedisSentinel, startRedisSentinel } from "@ccsp/testkit";
import { pino } from "pino";
import { openRedis, type RedisConnection } from "../src/index.js";
import { bindPutOnce } from "./put-once.js";

/** A connection of ioredis' listener for failovers. */
interface Sentinel {
  readonly client: EventEmitter;
}

const log = pino({ level: "silent" });

describe("openRedis on Sentinel", () => {
  let setup: RedisSentinel;
  let redis: RedisConnection;

  beforeEach(async () => {
    setup = await startRedisSentinel();
    redis = await openRedis(setup.url, { log, name: "test" });
  });
  afterEach(async () => {
    await redis?.close();
    await setup?.stop();
  });

  it("finds the master, and the new one when it dies; active calls and a blocked read continue there", async () => {
    const putOnce = bindPutOnce(redis.client);
    assert.equal(await putOnce("before", "1"), "ok");
    // WAIT makes sure that the replica has the write.
    assert.equal(await redis.client.wait(1, 5_000), 1);
    const reader = await redis.duplicate();
    const popped = reader.blpop("list", 0);

    await setup.master.kill9();
    const after = putOnce("after", "1");
    await setup.failOver();
    assert.equal(await after, "ok");
    assert.equal(await putOnce("before", "1"), "taken");
    await redis.client.rpush("list", "x");
    assert.deepEqual(await popped, ["list", "x"]);
    assert.match(await redis.client.info("server"), new RegExp(`tcp_port:${setup.replica.port}`));
  });

  it("follows a master that was demoted while its connection stayed open", async () => {
    const putOnce = bindPutOnce(redis.client);
    await putOnce("before", "1");
    assert.equal(await redis.client.wait(1, 5_000), 1);
    // The old master continues as a replica and refuses writes.
    await setup.failOver();
    await eventually(async () => {
      await putOnce("after", "1");
      assert.match(await redis.client.info("server"), new RegExp(`tcp_port:${setup.replica.port}`));
    });
    assert.equal(await putOnce("before", "1"), "taken");
  });

  it("loses no waiting command when a lost connection learns of the failover while a new one is made", async () => {
    const { connector } = redis.client as unknown as { connector: { failoverDetector: { sentinels: Sentinel[] } } };
    const { sentinels } = await eventually(() => connector.failoverDetector ?? assert.fail("no listener yet"));
    const connecting = once(redis.client, "connecting");
    await setup.master.kill9();
    await connecting;
    const over = setup.failOver();
    const waiting = bindPutOnce(redis.client)("during", "1");
    // The message of a Sentinel, at the worst moment.
    for (const { client } of sentinels) client.emit("message", "+switch-master", "main");
    assert.equal(await waiting, "ok");
    await over;
  });

  it("connects again, with its subscriptions, when ioredis has given up, but not after it was closed", async () => {
    const subscriber = await redis.duplicate();
    await subscriber.subscribe("news");
    const heard: string[] = [];
    subscriber.on("message", (_, message: string) => heard.push(message));
    // In a failover, ioredis disconnects itself in the same way. Its status is then "end".
    for (const client of [redis.client, subscriber]) client.disconnect();
    await eventually(() => redis.ping());
    await eventually(async () => {
      await redis.client.publish("news", "x");
      assert.ok(heard.length > 0);
    });

    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const ended = [redis.client, subscriber].map((client) => once(client, "end"));
      await redis.close();
      await Promise.all(ended);
      // 10 s is longer than an ended connection waits before it connects again. A new try would change the status
      // immediately.
      mock.timers.tick(10_000);
      assert.deepEqual([redis.client.status, subscriber.status], ["end", "end"]);
    } finally {
      mock.timers.reset();
    }
  });
});
