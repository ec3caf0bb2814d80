import assert from "node:assert/strict";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually, type RedisCluster, startRedisCluster } from "@ccsp/testkit";
import { pino } from "pino";
import { consumeEvents, eventsKey, parkedKey } from "../src/index.js";

const log = pino({ level: "silent" });

describe("consumeEvents on Cluster", () => {
  let setup: RedisCluster;
  let redis: RedisConnection;

  before(async () => {
    setup = await startRedisCluster();
    redis = await openRedis(setup.url, { log, name: "test" });
  });
  after(async () => {
    await redis?.close();
    await setup?.stop();
  });

  it("reads partitions that live on different nodes, and parks on the node of each", async () => {
    const publish = (partition: number, task: string, data: string) => {
      const fields = ["type", "task.started", "time", "1000", "task", task, "agent", "a", "trace", "", "data", data];
      return redis.client.xadd(eventsKey(partition), "*", ...fields);
    };
    const seen: string[] = [];
    const consumer = await consumeEvents({
      redis,
      group: "g",
      consumer: "one",
      partitions: 4,
      log,
      handle: async (event) => void seen.push(`${event.id.split(":")[0]} ${event.taskId}`),
    });
    for (const partition of [0, 1, 2, 3]) {
      await publish(partition, "good", "{}");
      await publish(partition, "unreadable", "{");
    }
    await eventually(async () => {
      assert.deepEqual(seen.toSorted(), ["0 good", "1 good", "2 good", "3 good"]);
      for (const partition of [0, 1, 2, 3]) assert.equal(await redis.client.xlen(parkedKey(partition, "g")), 1);
    });
    await consumer.close();
  });
});
