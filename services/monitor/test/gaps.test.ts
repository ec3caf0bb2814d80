import assert from "node:assert/strict";
import { consumeEvents, createPublisher, EVENTS_KEPT, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { TaskCompleted } from "@ccsp/protos/ccsp/event/v1/event.js";
import { GetResponse, ListResponse } from "@ccsp/protos/ccsp/queue/v1/task_reads.js";
import { Task, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { asList, fieldsOf, openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { reportUsage } from "../src/usage/domain/usage-report.js";
import { fillFromQueue } from "../src/usage/events/fill-from-queue.js";
import { lookForGaps, watchGaps } from "../src/usage/events/gap-watch.js";
import { runOfEvent } from "../src/usage/events/run-of-event.js";
import { createRedisGapStore } from "../src/usage/redis/redis-gap-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";

const log = pino({ level: "silent" });
const task = (n: number, fields: Parameters<typeof Task.fromPartial>[0] = {}) =>
  Task.fromPartial({
    id: `0-${n}`,
    agentId: "a",
    spec: { engine: "e", model: "m" },
    state: TaskState.SUCCEEDED,
    attempt: 1,
    createTime: new Date(),
    startTime: new Date(),
    endTime: new Date(),
    result: { model: "m", usage: { inputTokens: 10n }, costUsd: 0.5 },
    ...fields,
  });

describe("a gap in the events", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let records: Task[];
  beforeEach(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
    records = [];
  });
  afterEach(async () => {
    await redis.close();
    await server.stop();
  });

  const queue = {
    list: async () =>
      ListResponse.fromPartial({ tasks: records.map((each) => Task.fromPartial({ ...each, result: undefined })) }),
    get: async ({ taskId = "" }) => GetResponse.fromPartial({ task: records.find(({ id }) => id === taskId) }),
  };
  const open = () => {
    const store = createRedisUsageStore(redis.client, { partitions: 1, maxRows: 100, ledgerDays: 90 });
    const gaps = createRedisGapStore(redis.client, "monitor");
    const fill = fillFromQueue({ queue, record: store.record, allowedLabels: [] });
    const look = () => lookForGaps({ gaps, partitions: 1, fill, log }, new AbortController().signal);
    const handle = async (event: Parameters<typeof runOfEvent>[0]) => {
      const run = runOfEvent(event, []);
      if (run) await store.record(run);
    };
    const consume = () => consumeEvents({ redis, group: "monitor", consumer: "test", handle, log });
    const total = async () => {
      const all = { start: undefined, end: undefined, groupBy: [], filter: {} };
      return (await reportUsage(store, all, new Date(Date.now() + 3_600_000))).rows[0]?.counts;
    };
    return { gaps, look, consume, total };
  };
  /** A handled event leaves a `usage.recorded` on the same stream, which has to be read too. */
  const caughtUp = () =>
    eventually(async () => {
      const stream = fieldsOf(await redis.client.xinfo("STREAM", eventsKey(0)));
      const group = fieldsOf(asList(await redis.client.xinfo("GROUPS", eventsKey(0)))[0]);
      const [read, last] = [group.get("last-delivered-id"), stream.get("last-generated-id")];
      assert.deepEqual([read, group.get("pending")], [last, 0]);
    });
  const publish = (n: number) => {
    const { id: taskId, agentId, result } = task(n);
    const value = TaskCompleted.fromPartial({ engine: "e", attempt: 1, ...result });
    return createPublisher(redis, "queue").publish({ taskId, agentId, data: { $case: "taskCompleted", value } });
  };
  /** One event is read, ten come while no monitor runs, and all but the last are trimmed away. Returns a time of those. */
  const lose = async ({ consume }: ReturnType<typeof open>) => {
    const before = await consume();
    await publish(0);
    await caughtUp();
    await before.close();
    for (let n = 1; n <= 5; n += 1) await publish(n);
    const within = new Date();
    for (let n = 6; n <= 10; n += 1) await publish(n);
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 1);
    return within;
  };
  const readOn = async ({ consume, look }: ReturnType<typeof open>) => {
    await look();
    const reader = await consume();
    try {
      await caughtUp();
      await look();
      await look();
    } finally {
      await reader.close();
    }
  };

  it("is filled from the queue's records, each attempt once, and marked as filled", async () => {
    const monitor = open();
    const within = await lose(monitor);
    records = Array.from({ length: 11 }, (_, n) => task(n, { startTime: within, endTime: within }));
    records.push(task(20, { endTime: new Date(Date.now() - 60_000), startTime: new Date(Date.now() - 90_000) }));
    await readOn(monitor);
    const counts = await monitor.total();
    assert.deepEqual([counts?.runs, counts?.input, counts?.costMicroUsd, counts?.withoutCost], [11, 110, 5_500_000, 0]);
    const [gap, ...others] = await monitor.gaps.list(0);
    assert.deepEqual([gap?.state, gap?.filledRuns, others], ["filled", 9, []]);
  });

  it("counts failed attempts with unknown cost, skips answers from the cache, and says when records do not reach back", async () => {
    const monitor = open();
    const within = await lose(monitor);
    const error = { message: "x" };
    records = [
      task(1, { attempt: 3 }),
      task(2, { state: TaskState.FAILED, attempt: 2, error, result: undefined }),
      task(3, { state: TaskState.QUEUED, attempt: 1, error, endTime: undefined, result: undefined }),
      task(4, { state: TaskState.RUNNING, attempt: 2, endTime: undefined, result: undefined }),
      task(5, { attempt: 0, result: { cached: true } }),
      task(6, { state: TaskState.CANCELLED, attempt: 1, result: undefined }),
    ].map((each) => ({ ...each, startTime: within, endTime: each.endTime && within }));
    await readOn(monitor);
    const counts = await monitor.total();
    // Events reported the tasks 0 and 10. The records have two failures and a result, then two, one and one failures.
    assert.deepEqual([counts?.runs, counts?.failed, counts?.withoutCost], [9, 6, 6]);
    assert.equal((await monitor.gaps.list(0))[0]?.state, "incomplete");
  });

  it("is none for a new group, for a stream that lost only what was read, and without a stream", async () => {
    const monitor = open();
    await monitor.look();
    for (let n = 0; n < 5; n += 1) await publish(n);
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 3);
    await readOn(monitor);
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 1);
    await monitor.look();
    assert.deepEqual(await monitor.gaps.list(0), []);
  });

  it("is opened before anything is lost, when writers are about to trim what was not read", async () => {
    const monitor = open();
    const reader = await monitor.consume();
    for (let n = 0; n < 2; n += 1) await publish(n);
    await caughtUp();
    await reader.close();
    const unread = async (events: number) => {
      const add = "for _ = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'type', 'x') end";
      await redis.client.eval(add, 1, eventsKey(0), events);
      await monitor.look();
      return (await monitor.gaps.list(0)).map(({ state }) => state);
    };
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 1);
    assert.deepEqual(await unread(EVENTS_KEPT * 0.9 - 1), []);
    assert.deepEqual(await unread(1), ["growing"]);
  });

  it("ends when the group has read on, however many events were lost, and is then no gap any more", async () => {
    const monitor = open();
    await (await monitor.consume()).close();
    await publish(0);
    const reader = await monitor.consume();
    await caughtUp();
    await reader.close();
    const add = "for _ = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'type', 'x') end";
    await redis.client.eval(add, 1, eventsKey(0), EVENTS_KEPT * 0.9);
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 1);
    await monitor.look();
    assert.deepEqual(
      (await monitor.gaps.list(0)).map(({ state }) => state),
      ["growing"],
    );
    await readOn(monitor);
    await redis.client.eval(add, 1, eventsKey(0), 5_000);
    await monitor.look();
    assert.deepEqual(
      (await monitor.gaps.list(0)).map(({ state }) => state),
      ["incomplete"],
    );
  });

  it("stays open while the queue does not answer, and is filled at a later look", async () => {
    const monitor = open();
    await lose(monitor);
    const { list } = queue;
    queue.list = () => Promise.reject(new Error("away"));
    await assert.rejects(readOn(monitor), /away/);
    assert.equal((await monitor.gaps.list(0))[0]?.state, "growing");
    queue.list = list;
    await redis.client.del("ccsp:usage:{0}:filling");
    await monitor.look();
    assert.equal((await monitor.gaps.list(0))[0]?.state, "incomplete");
  });

  it("of an earlier monitor delays neither the start nor the stop, however long the queue takes", async () => {
    const monitor = open();
    await lose(monitor);
    await monitor.look();
    const read = await monitor.consume();
    await caughtUp();
    await read.close();
    const asked = Promise.withResolvers<void>();
    const fill = (_gap: unknown, stop: AbortSignal) =>
      new Promise<never>((_, reject) => {
        stop.addEventListener("abort", () => reject(stop.reason));
        asked.resolve();
      });
    const watching = await watchGaps({ gaps: monitor.gaps, partitions: 1, fill, log }, 1_000);
    await asked.promise;
    await watching.close();
    assert.equal((await monitor.gaps.list(0))[0]?.state, "growing");
  });
});
