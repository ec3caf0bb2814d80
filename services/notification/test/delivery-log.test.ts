import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { createRedisDeliveryLog, KEYS } from "../src/redis/redis-delivery-log.js";

const delivery = (id: string, channel = "file", eventType = "task.completed") => ({
  id,
  channel,
  eventType,
  taskId: "t",
  agentId: "a",
  summary: "日本語 🙂",
  eventTime: new Date(1_000),
  deliveryTime: new Date(2_000),
});

describe("Redis delivery log", () => {
  let server: RedisServer;
  let redis: RedisConnection;

  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });
  beforeEach(() => redis.client.flushall());

  it("records a delivery once per channel and event", async () => {
    const log = createRedisDeliveryLog(redis.client);
    assert.equal(await log.has("file", "1"), false);
    assert.deepEqual([await log.add(delivery("1")), await log.add(delivery("1"))], ["ok", "repeat"]);
    assert.equal(await log.add(delivery("1", "webhook")), "ok");
    assert.deepEqual([await log.has("file", "1"), await log.has("file", "2")], [true, false]);
    const { deliveries } = await log.list({ after: undefined, size: 10, eventType: "" });
    assert.deepEqual(deliveries, [delivery("1", "webhook"), delivery("1")]);
  });

  it("keeps only the newest deliveries", async () => {
    const log = createRedisDeliveryLog(redis.client, 3);
    for (const id of ["1", "2", "3", "4", "5"]) await log.add(delivery(id));
    const { deliveries, next } = await log.list({ after: undefined, size: 10, eventType: "" });
    assert.deepEqual([deliveries.map(({ id }) => id), next], [["5", "4", "3"], undefined]);
  });

  it("forgets a delivery after a day, and not before", async () => {
    const log = createRedisDeliveryLog(redis.client);
    for (const id of ["old", "young"]) await log.add(delivery(id));
    const day = 24 * 3_600_000;
    await redis.client.zincrby(KEYS.delivered, -day - 60_000, "file old");
    await redis.client.zincrby(KEYS.delivered, -day + 60_000, "file young");
    await log.add(delivery("next"));
    assert.deepEqual([await log.has("file", "old"), await log.has("file", "young")], [false, true]);
  });

  it("finds a rare type far back, page by page", async () => {
    const log = createRedisDeliveryLog(redis.client);
    for (const id of ["1", "2", "3"]) await log.add(delivery(id, "file", "task.failed"));
    await Promise.all(Array.from({ length: 1_200 }, (_, at) => log.add(delivery(`c${at}`))));
    const first = await log.list({ after: undefined, size: 2, eventType: "task.failed" });
    assert.deepEqual(
      first.deliveries.map(({ id }) => id),
      ["3", "2"],
    );
    const second = await log.list({ after: first.next, size: 2, eventType: "task.failed" });
    assert.deepEqual([second.deliveries.map(({ id }) => id), second.next], [["1"], undefined]);
  });
});
