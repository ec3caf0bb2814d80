import assert from "node:assert/strict";
import { type RedisCluster, startRedisCluster } from "@ccsp/testkit";
import { pino } from "pino";
import { openRedis, type RedisConnection } from "../src/index.js";
import { bindPutOnce } from "./put-once.js";

const log = pino({ level: "silent" });
// Slots 13907, 9842 and 5649 belong to the third, second and second master. Slot 3300 ("b") belongs to the first.
const TAGS = ["0", "1", "2", "b"];

describe("openRedis on Cluster", () => {
  let setup: RedisCluster;
  let redis: RedisConnection;

  beforeEach(async () => {
    setup = await startRedisCluster();
    redis = await openRedis(setup.url, { log, name: "test" });
  });
  afterEach(async () => {
    await redis?.close();
    await setup?.stop();
  });

  it("runs scripts on the node of their keys, and sends them to nodes that do not know them", async () => {
    const putOnce = bindPutOnce(redis.client);
    for (const tag of TAGS) assert.equal(await putOnce("a", "1", tag), "ok");
    for (const { url } of setup.nodes) {
      const node = await openRedis(url, { log, name: "node" });
      await node.client.script("FLUSH");
      await node.close();
    }
    for (const tag of TAGS) assert.equal(await putOnce("a", "1", tag), "taken");
    await redis.ping();
  });

  it("continues with a replica when a master dies, also with a blocked read", async () => {
    const putOnce = bindPutOnce(redis.client);
    assert.equal(await putOnce("a", "1", "b"), "ok");
    const reader = await redis.duplicate();
    const popped = reader.blpop("list:{b}", 0);
    await setup.nodes[0]?.kill9();
    const during = putOnce("b", "1", "b");
    // An election has to end within what a call waits. Beside other tests, it may take longer.
    const replica = await openRedis(setup.nodes[3]?.url ?? "", { log, name: "takes over" });
    await replica.client.call("cluster", "failover", "takeover");
    await replica.close();
    assert.equal(await during, "ok");
    assert.equal(await putOnce("a", "1", "0"), "ok");
    await redis.client.rpush("list:{b}", "x");
    assert.deepEqual(await popped, ["list:{b}", "x"]);
  });
});
