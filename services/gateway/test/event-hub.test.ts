import assert from "node:assert/strict";
import { encodeEventData, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import pino from "pino";
import { cursorOf } from "../src/live/cursor.js";
import { EventHub } from "../src/live/event-hub.js";
import { createLiveMetrics } from "../src/live/metrics.js";
import { Outbox } from "../src/live/outbox.js";
import { Subscription } from "../src/live/subscription.js";

const log = pino({ level: "silent" });
const ALL = 450;
const KEPT = 100;
/** The size of a page of earlier events. */
const PAGE = 200;
/** How many messages a connection holds that its reader has not read. */
const HELD = 150;

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

  const publish = async (many: number) => {
    const data = encodeEventData({ $case: "taskEnqueued", value: { engine: "e", priority: 1 } });
    for (let at = 0; at < many; at += 1) {
      const fields = ["type", "task.enqueued", "time", "1000", "task", `t${at}`, "data", data];
      await redis.client.xadd(eventsKey(0), "*", ...fields);
    }
  };
  const names = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `t${from + at}`);
  afterEach(() => redis.client.del(eventsKey(0)));

  it("gets every one of them, however many more there are than a connection holds unread", async () => {
    await publish(ALL);
    const got: unknown[] = [];
    const unread: (() => void)[] = [];
    const socket = {
      bufferedAmount: 0,
      send(text: string | Buffer, _: object, done: () => void) {
        const { type, data, count } = JSON.parse(String(text));
        if (type !== "subscribed") got.push(type === "event" ? data.taskId : { [type]: count });
        unread.push(done);
      },
      terminate: () => assert.fail("it reads"),
    };
    const bounds = { bytes: 1_000_000, messages: HELD, most: 2_000_000, mostUncounted: 2_000_000 };
    const outbox = new Outbox(socket, bounds, () => subscription.hasRoom());
    const rpc = "/ccsp.gateway.v1.OperatorService/WatchTask";
    const of = { id: "1", topic: "tasks", filter: {}, metrics: createLiveMetrics(undefined) } as const;
    const subscription = new Subscription({ ...of, rpc, outbox });
    const hub = new EventHub({ redis, partitions: 1, log });
    subscription.begin(await hub.join(subscription, cursorOf(["0-0"])), undefined);
    const over = () => got.length >= ALL || got.some((each) => typeof each !== "string");
    while (!over()) {
      await eventually(() => assert.ok(outbox.full || over()));
      for (const done of unread.splice(0)) done();
    }
    assert.deepEqual(got, names(0, ALL));
    hub.close();
  });

  it("is told that it missed some when the stream was trimmed beyond its place while it had no room", async () => {
    await publish(ALL);
    const hub = new EventHub({ redis, partitions: 1, log });
    const got: string[] = [];
    const { promise: room, resolve: makeRoom } = Promise.withResolvers<void>();
    const reader = {
      take: ({ taskId }: { readonly taskId: string }) => void got.push(taskId),
      lost: () => void got.push("missed"),
      room: () => (got.length < PAGE ? Promise.resolve() : room),
    };
    const joined = await hub.join(reader, cursorOf(["0-0"]));
    joined.start();
    await eventually(() => assert.equal(got.length, PAGE));
    await redis.client.xtrim(eventsKey(0), "MAXLEN", KEPT);
    makeRoom();
    await eventually(() => assert.deepEqual(got, [...names(0, PAGE), "missed", ...names(ALL - KEPT, ALL)]));
    hub.close();
  });
});
