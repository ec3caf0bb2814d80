import assert from "node:assert/strict";
import { consumeEvents, type EventData, encodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { TaskStarted } from "@ccsp/protos/ccsp/event/v1/event.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import type { NoticeStore } from "../src/domain/notice-store.js";
import { createEventHandler } from "../src/events/handle-event.js";
import { createRedisNoticeStore } from "../src/redis/redis-notice-store.js";
import { createIntake } from "../src/routing/intake.js";

const log = pino({ level: "silent" });
const closed = (scope: string): EventData => ({
  $case: "gateClosed",
  value: { scope, who: "ann", why: "deploy", openTime: undefined },
});
const opened = (scope: string): EventData => ({ $case: "gateOpened", value: { scope, who: "ann", why: "" } });

describe("events that come late", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let store: NoticeStore;
  const open: { close(): Promise<void> }[] = [];

  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());
  beforeEach(async () => {
    redis = await openRedis(server.url, { log, name: "test" });
    await redis.client.flushall();
    store = createRedisNoticeStore(redis.client, { channels: ["file", "ops"], log });
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    await redis.close();
  });

  let published = 0;
  const publish = async (data: EventData, streamId = "*"): Promise<void> => {
    const event = encodeEvent({ id: `queue:${(published += 1)}`, time: new Date(), data });
    await redis.client.xadd(eventsKey(0), streamId, ...event);
  };
  /** A replica of the service, as far as it handles events. `before` is called with each notice. */
  const startReplica = async (
    consumer: string,
    { before = async () => undefined }: { readonly before?: () => Promise<void> } = {},
  ) => {
    const channels = ["file", "ops"].map((name) => {
      return { name, records: name === "file", hasIssues: false, quietHours: undefined };
    });
    const match = { kinds: [], severity: "info" as const, labels: [], agents: [], hours: undefined };
    const rules = [{ match, channels: ["ops"] }];
    const intake = createIntake({ channels, rules, store, now: () => new Date(), onRepeat() {}, onAccepted() {} });
    const handle = createEventHandler({
      client: redis.client,
      now: () => new Date(),
      intake: {
        accept: async (notice, order) => {
          await before();
          await intake.accept(notice, order);
        },
      },
    });
    const redelivery = { scanMs: 20, abandonedMs: 300 };
    open.push(await consumeEvents({ redis, group: "notification", consumer, handle, log, redelivery }));
  };
  const told = async (): Promise<string[]> => {
    const { claims } = await store.claim("ops", { most: 100, perMinute: 0, leaseMs: 60_000 });
    return claims.map(({ notice: { kind, subject } }) => `${kind} ${subject["scope"]}`);
  };
  const recorded = async (count: number): Promise<void> =>
    eventually(async () =>
      assert.equal(
        (await store.listUndelivered("waiting", { after: undefined, size: 100, eventType: "", channel: "file" }))
          .entries.length,
        count,
      ),
    );

  it("report the next pause after a replica died with the beginning of the last one", async () => {
    await startReplica("dies", { before: () => new Promise(() => undefined) });
    await publish(closed("all"));
    await eventually(async () =>
      assert.equal((await redis.client.xpending(eventsKey(0), "notification", "-", "+", 9)).length, 1),
    );
    open.length = 0; // it never says that it has gone
    await startReplica("lives");
    await publish(opened("all"));
    await recorded(2);
    assert.deepEqual([await told(), (await store.incident("gate/all"))?.open], [[], false]);
    await publish(closed("all"));
    await recorded(3);
    assert.deepEqual(await told(), ["gate.closed all"]);
  });

  it("report what is true now after a long outage: a pause that goes on, and not one that has ended", async () => {
    const hourAgo = Date.now() - 3_600_000;
    await publish(closed("engine/a"), `${hourAgo}-0`);
    await publish(closed("engine/b"), `${hourAgo}-1`);
    const others = redis.client.pipeline();
    const started = encodeEvent({
      id: "",
      time: new Date(),
      data: { $case: "taskStarted", value: TaskStarted.create() },
    });
    for (let at = 2; at < 600; at += 1) others.xadd(eventsKey(0), `${hourAgo}-${at}`, ...started);
    await others.exec();
    await publish(opened("engine/a"), `${hourAgo + 1_000}-0`);
    await startReplica("one");
    await eventually(async () => assert.equal((await store.incident("gate/engine/a"))?.open, false));
    assert.deepEqual((await told()).sort(), ["gate.closed engine/b"]);
  });
});
