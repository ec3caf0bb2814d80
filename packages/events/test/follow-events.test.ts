import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import {
  encodeEventData,
  eventsKey,
  type Follower,
  followEvents,
  readEvents,
  streamEnds,
  wasTrimmed,
} from "../src/index.js";

const log = pino({ level: "silent" });
const PARTITIONS = 2;

describe("following the event stream", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  const followers: Follower[] = [];

  before(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    redis = await openRedis(server.url, { log, name: "test" });
    await redis.client.flushall();
  });
  afterEach(async () => {
    for (const follower of followers.splice(0)) follower.close();
    await redis.close();
  });
  after(() => server.stop());

  const publish = (task: string, { partition = 0, type = "task.enqueued", id = "*" } = {}) => {
    const data = encodeEventData({ $case: "taskEnqueued", value: { engine: "e", priority: 1 } });
    return redis.client.xadd(eventsKey(partition), id, "type", type, "time", "1000", "task", task, "data", data);
  };
  const follow = async (onLost: (partition: number) => void = () => undefined) => {
    const seen: string[] = [];
    const onEntry = ({ partition, event }: { partition: number; event: { taskId: string } | undefined }) =>
      void seen.push(`${partition} ${event?.taskId ?? "-"}`);
    const follower = await followEvents({ redis, partitions: PARTITIONS, onEntry, onLost, log });
    followers.push(follower);
    return { follower, seen };
  };

  it("gives every follower every later event, each once and in the order of its partition", async () => {
    await publish("earlier");
    const [one, two] = [await follow(), await follow()];
    const wanted = Array.from({ length: 1_200 }, (_, at) => `0 t${at}`);
    for (const text of wanted) void publish(text.slice(2));
    await publish("other", { partition: 1 });
    for (const { seen } of [one, two])
      await eventually(() => {
        assert.deepEqual(
          seen.filter((text) => text.startsWith("0")),
          wanted,
        );
        assert.deepEqual(
          seen.filter((text) => text.startsWith("1")),
          ["1 other"],
        );
      });
    const newest = await Promise.all([0, 1].map(async (each) => (await streamEnds(redis.client, each)).newest));
    assert.deepEqual(one.follower.position, newest);
  });

  it("continues after an entry that it does not know or cannot read", async () => {
    const { seen } = await follow();
    await publish("x", { type: "task.invented" });
    await redis.client.xadd(eventsKey(0), "*", "type", "task.enqueued", "data", "{");
    await publish("good");
    await eventually(() => assert.deepEqual(seen, ["0 -", "0 -", "0 good"]));
  });

  it("goes on after a restart of Redis, and closes while it is away", async () => {
    const { seen } = await follow();
    await publish("before");
    await eventually(() => assert.deepEqual(seen, ["0 before"]));
    await server.kill9();
    await server.restart();
    await eventually(() => publish("after"), { timeoutMs: 30_000 });
    await eventually(() => assert.equal(seen.at(-1), "0 after"), { timeoutMs: 30_000 });
    await server.kill9();
    followers.pop()?.close();
    await server.restart();
  });

  it("says when entries were trimmed before they were read", async () => {
    const lost: number[] = [];
    await publish("first");
    const { seen } = await follow((partition) => lost.push(partition));
    // In one step, so that the follower wakes to a stream that has more than a batch and was trimmed again and again.
    const flood = `for i = 1, 2000 do redis.call('XADD', KEYS[1], '*', 'type', 'none') end
      redis.call('XTRIM', KEYS[1], 'MAXLEN', 1500)`;
    await redis.client.eval(flood, 1, eventsKey(0));
    await redis.client.eval(flood, 1, eventsKey(0));
    await publish("last");
    await eventually(() => assert.equal(seen.at(-1), "0 last"));
    assert.ok(seen.length < 4_001, "the test must lose something");
    assert.deepEqual(new Set(lost), new Set([0]));
  });

  it("reads what came after a position, and knows whether something of it is gone", async () => {
    assert.deepEqual(await streamEnds(redis.client, 0), { oldest: undefined, newest: "0-0", trimmed: false });
    for (const at of [1, 2, 3, 4]) await publish(`t${at}`, { id: `${at}-0` });
    const read = await readEvents(redis.client, 0, { after: "1-0", count: 2 });
    assert.deepEqual(
      read.map(({ id, event }) => [id, event?.taskId]),
      [
        ["2-0", "t2"],
        ["3-0", "t3"],
      ],
    );
    assert.equal(wasTrimmed(await streamEnds(redis.client, 0), "0-0"), false);
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 2);
    const ends = await streamEnds(redis.client, 0);
    assert.deepEqual(ends, { oldest: "3-0", newest: "4-0", trimmed: true });
    assert.deepEqual(
      ["1-0", "3-0", "4-0"].map((after) => wasTrimmed(ends, after)),
      [true, false, false],
    );
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 0);
    assert.equal(wasTrimmed(await streamEnds(redis.client, 0), "3-0"), true);
  });
});
