import assert from "node:assert/strict";
import { encodeEventData, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import pino from "pino";
import { cursorOf } from "../src/live/cursor.js";
import { EventHub } from "../src/live/event-hub.js";

const log = pino({ level: "silent" });
const ALL = 450;
const KEPT = 100;
/** The size of a page of earlier events. */
const PAGE = 200;

describe("a reader of earlier events", function () {
  this.timeout(60_000);
  let server: RedisServer;
  let redis: RedisConnection;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });

  it("is told that it missed some when the stream was trimmed beyond its place while it had no room", async () => {
    const data = encodeEventData({ $case: "taskEnqueued", value: { engine: "e", priority: 1 } });
    for (let at = 0; at < ALL; at += 1) {
      const fields = ["type", "task.enqueued", "time", "1000", "task", `t${at}`, "data", data];
      await redis.client.xadd(eventsKey(0), "*", ...fields);
    }
    const hub = new EventHub({ redis, partitions: 1, log });
    const got: string[] = [];
    const { promise: room, resolve: makeRoom } = Promise.withResolvers<void>();
    const reader = {
      take: ({ taskId }: { readonly taskId: string }) => void got.push(taskId),
      lost: () => void got.push("missed"),
      room: () => (got.length === 0 ? Promise.resolve() : room),
    };
    const joined = await hub.join(reader, cursorOf(["0-0"]));
    joined.start();
    await eventually(() => assert.equal(got.length, PAGE));
    await redis.client.xtrim(eventsKey(0), "MAXLEN", KEPT);
    makeRoom();
    const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `t${from + at}`);
    await eventually(() => assert.deepEqual(got, [...names(0, PAGE), "missed", ...names(ALL - KEPT, ALL)]));
    hub.close();
  });
});
