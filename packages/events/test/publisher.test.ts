import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { consumeEvents, createPublisher, type EventData, eventsKey } from "../src/index.js";

const log = pino({ level: "silent" });
const data: EventData = { $case: "sessionTimeout", value: { engine: "e", account: "team", executorId: "x" } };

describe("createPublisher", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let seen: Event[];
  let consumer: { close(): Promise<void> };

  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  beforeEach(async () => {
    redis = await openRedis(server.url, { log, name: "test" });
    await redis.client.flushall();
    seen = [];
    const handle = async (event: Event) => void seen.push(event);
    consumer = await consumeEvents({ redis, group: "g", consumer: "one", log, handle });
  });
  afterEach(async () => {
    await consumer.close();
    await redis.close();
  });

  it("gives a reader every envelope field that the queue's events have", async () => {
    const publisher = createPublisher(redis, "monitor");
    const about = { time: new Date(5_000), taskId: "t1", agentId: "a1", traceparent: "00-ab-cd-01" };
    const id = await publisher.publish({ ...about, key: "login/e/team", data });
    assert.equal(id, "monitor:login/e/team");
    await eventually(() => assert.deepEqual(seen, [{ ...about, id, data }]));
  });

  it("leaves out fields that do not apply to an event, and gives each event its own id", async () => {
    const publisher = createPublisher(redis, "monitor");
    const ids = [await publisher.publish({ data }), await publisher.publish({ data })];
    await eventually(() => assert.equal(seen.length, 2));
    assert.deepEqual(
      seen.map(({ id, taskId, agentId, traceparent }) => [id, taskId, agentId, traceparent]),
      ids.map((id) => [id, "", "", ""]),
    );
    assert.equal(new Set(ids).size, 2);
    assert.ok(Math.abs(Date.now() - Number(seen[0]?.time)) < 60_000);
  });

  it("gives an event that is published again the same id, also from another replica", async () => {
    for (const publisher of [createPublisher(redis, "monitor"), createPublisher(redis, "monitor")]) {
      await publisher.publish({ key: "usage/80/2026-01", data });
    }
    await eventually(() => assert.deepEqual([...new Set(seen.map(({ id }) => id))], ["monitor:usage/80/2026-01"]));
  });

  it("keeps the stream bounded", async () => {
    const publisher = createPublisher(redis, "monitor", { kept: 100 });
    await Promise.all(Array.from({ length: 1_000 }, () => publisher.publish({ data })));
    // Redis trims only whole nodes of 100 entries.
    assert.ok((await redis.client.xlen(eventsKey(0))) <= 200);
  });

  it("rejects when Redis did not take the event", async () => {
    await redis.client.set(eventsKey(0), "no stream");
    await assert.rejects(createPublisher(redis, "monitor").publish({ data }), /WRONGTYPE/);
    await redis.client.del(eventsKey(0));
  });
});
