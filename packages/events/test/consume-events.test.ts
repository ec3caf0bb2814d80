import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually, pathWithRedisCli } from "@ccsp/testkit";
import * as fc from "fast-check";
import { pino } from "pino";
import {
  type ConsumeOptions,
  consumeEvents,
  encodeEventData,
  eventsKey,
  type Outcome,
  parkedKey,
} from "../src/index.js";

const log = pino({ level: "silent" });
const quick = { firstBackoffMs: 20, maxBackoffMs: 40, abandonedMs: 150, scanMs: 50 };

function createGate(): { opened: Promise<void>; open(): void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe("consumeEvents", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let seen: Event[];
  let open: { close(): Promise<void> }[];

  before(async () => {
    server = await startRedis({ appendOnly: true, args: ["--appendfsync", "no"] });
  });
  after(() => server.stop());

  beforeEach(async () => {
    redis = await openRedis(server.url, { log, name: "test" });
    await redis.client.flushall();
    seen = [];
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
    await redis.close();
  });

  const publish = async (task: string, type = "task.started", data?: string): Promise<string> => {
    const value = { engine: "e", attempt: 1, executorId: "x" };
    const json = data ?? encodeEventData({ $case: "taskStarted", value });
    const fields = ["type", type, "time", "1000", "task", task, "agent", "a", "trace", "", "data", json];
    return String(await redis.client.xadd(eventsKey(0), "*", ...fields));
  };

  const consume = async (options: Partial<ConsumeOptions> = {}) => {
    const consumer = await consumeEvents({
      redis,
      group: "g",
      consumer: "one",
      log,
      redelivery: quick,
      handle: async (event) => {
        seen.push(event);
      },
      ...options,
    });
    open.push(consumer);
    return consumer;
  };

  const tasks = (): string[] => seen.map((event) => event.taskId);
  const pending = async (): Promise<number> => (await redis.client.xpending(eventsKey(0), "g", "-", "+", 1000)).length;
  const nothingPending = () => eventually(async () => assert.equal(await pending(), 0));

  it("delivers events from before the group existed and later ones, in order, and acknowledges them", async () => {
    const first = await publish("t1");
    await publish("t2");
    await consume();
    await publish("t3");
    await eventually(() => assert.deepEqual(tasks(), ["t1", "t2", "t3"]));
    assert.equal(seen[0]?.id, `0:${first}`);
    await nothingPending();
  });

  it("reads nothing when its start fails at one of the partitions", async () => {
    const reader = await redis.duplicate();
    const readers = [reader];
    const duplicate = async () => readers.pop() ?? Promise.reject(new Error("no more connections"));
    await assert.rejects(consume({ redis: { ...redis, duplicate }, partitions: 2 }), /no more connections/);
    await eventually(() => assert.equal(reader.status, "end"));
  });

  it("gives each group every event and shares one group's events among its consumers", async () => {
    const other: string[] = [];
    const shared: string[][] = [[], []];
    for (const [at, list] of shared.entries()) {
      const handle = async (event: Event) => void list.push(event.taskId);
      await consume({ consumer: `c${at}`, handle });
    }
    await consume({ group: "h", handle: async (event) => void other.push(event.taskId) });
    const names = Array.from({ length: 200 }, (_, at) => `t${at}`);
    for (const name of names) await publish(name);
    await eventually(() => {
      assert.deepEqual(shared.flat().sort(), [...names].sort());
      assert.deepEqual(other, names);
    });
    assert.ok(
      shared.every((list) => list.length > 0),
      `shares: ${shared.map((list) => list.length).join(", ")}`,
    );
  });

  it("delivers an entry again when its handler threw, and does not delay the entries behind it", async () => {
    const failures = new Map<string, number>([["bad", 3]]);
    const handle = async (event: Event) => {
      const left = failures.get(event.taskId) ?? 0;
      failures.set(event.taskId, left - 1);
      if (left > 0) throw new Error("not now");
      seen.push(event);
    };
    await consume({ handle });
    for (const task of ["bad", "t2", "t3"]) await publish(task);
    await eventually(() => assert.deepEqual(tasks(), ["t2", "t3", "bad"]));
    await nothingPending();
  });

  it("parks an entry whose handler always throws, with its fields and the reason, and continues", async () => {
    const outcomes: Outcome[] = [];
    const handle = async (event: Event) => {
      if (event.taskId === "poison") throw new Error("cannot digest");
      seen.push(event);
    };
    await consume({ handle, count: (outcome) => outcomes.push(outcome), redelivery: { ...quick, maxDeliveries: 3 } });
    const id = await publish("poison");
    await publish("t2");
    // An entry that was not read yet is not pending either.
    await eventually(() => assert.deepEqual(outcomes.toSorted(), ["failed", "failed", "handled", "parked"]));
    await nothingPending();
    const [parked, ...more] = await redis.client.xrange(parkedKey(0, "g"), "-", "+");
    assert.deepEqual(more, []);
    const text = parked?.[1].join(" ");
    assert.match(text ?? "", new RegExp(`task poison .*parked_id ${id} parked_why cannot digest$`));
    assert.deepEqual(tasks(), ["t2"]);
    assert.deepEqual(outcomes.toSorted(), ["failed", "failed", "handled", "parked"]);
  });

  it("delivers a parked entry again, with the id that it had, and keeps no copy, by the command of the README", async function () {
    const tools = await pathWithRedisCli(this);
    open.push(tools);
    let broken = true;
    const handle = async (event: Event) => {
      if (broken) throw new Error("cannot digest");
      seen.push(event);
    };
    await consume({ handle, redelivery: { ...quick, maxDeliveries: 1 } });
    const id = await publish("poison");
    await eventually(async () => assert.equal(await redis.client.xlen(parkedKey(0, "g")), 1));
    broken = false;
    const [parked] = await redis.client.xrange(parkedKey(0, "g"), "-", "+");
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const [, command = ""] = /^```sh\n(entry=[^]*?)^```/m.exec(readme) ?? [];
    const before = `redis() { redis-cli -p ${server.port} "$@"; }\nshard=0 group=g\n`;
    const script = before + command.replace(/^entry=.*/, `entry=${parked?.[0]}`);
    const { stdout } = await promisify(execFile)("sh", ["-c", script], { env: { PATH: tools.path } });
    assert.equal(stdout, `delivered again: 0:${id}\n`);
    assert.equal(await redis.client.xlen(parkedKey(0, "g")), 0);
    await eventually(() => assert.deepEqual([tasks(), seen[0]?.id], [["poison"], `0:${id}`]));
  });

  it("parks an unreadable entry at once, and skips types that it does not know", async () => {
    const outcomes: Outcome[] = [];
    await consume({ count: (outcome) => outcomes.push(outcome) });
    await publish("t1", "task.started", "{");
    await publish("t2", "task.levitated");
    await publish("t3");
    await eventually(() => assert.deepEqual(outcomes, ["parked", "unknown", "handled"]));
    await nothingPending();
  });

  it("parks an entry that was delivered too often without an outcome, such as one that kills its process", async () => {
    await publish("killer");
    await consume({ group: "setup" });
    await redis.client.xgroup("CREATE", eventsKey(0), "g", "0");
    await redis.client.xreadgroup("GROUP", "g", "dead", "STREAMS", eventsKey(0), ">");
    const [entry] = await redis.client.xrange(eventsKey(0), "-", "+");
    const id = entry?.[0] ?? "";
    await redis.client.call("xclaim", eventsKey(0), "g", "dead", 0, id, "IDLE", 60_000, "RETRYCOUNT", 16);
    seen = [];
    await consume();
    await eventually(async () => assert.equal(await redis.client.xlen(parkedKey(0, "g")), 1));
    assert.deepEqual(tasks(), []);
  });

  it("takes over the entries of a dead consumer, and not those of a working one", async () => {
    await redis.client.xgroup("CREATE", eventsKey(0), "g", "0", "MKSTREAM");
    await publish("abandoned");
    await redis.client.xreadgroup("GROUP", "g", "dead", "STREAMS", eventsKey(0), ">");
    const gate = createGate();
    let slow = 0;
    const handle = async () => {
      slow += 1;
      await gate.opened;
    };
    await consume();
    await eventually(() => assert.deepEqual(tasks(), ["abandoned"]));
    await open.pop()?.close();

    await consume({ consumer: "slow", handle, redelivery: { ...quick, abandonedMs: 60_000 } });
    await publish("held");
    await eventually(() => assert.equal(slow, 1));
    await consume({ consumer: "other", redelivery: { ...quick, abandonedMs: 60_000 } });
    await publish("free");
    await eventually(() => assert.deepEqual(tasks(), ["abandoned", "free"]));
    gate.open();
    await nothingPending();
    assert.equal(slow, 1);
  });

  it("stops reading new entries while too many failed ones wait, and continues when they succeed", async () => {
    let broken = true;
    let calls = new Set<string>();
    const handle = async (event: Event) => {
      calls.add(event.taskId);
      if (broken) throw new Error("outage");
      seen.push(event);
    };
    await consume({ handle, maxPending: 2 });
    for (const task of ["t1", "t2", "t3", "t4"]) await publish(task);
    await eventually(async () => assert.equal(await pending(), 2));
    assert.deepEqual([...calls], ["t1", "t2"]);
    broken = false;
    calls = new Set();
    await eventually(() => assert.deepEqual(tasks().sort(), ["t1", "t2", "t3", "t4"]));
  });

  it("offers unfinished entries to the other consumers at once when it closes, and leaves the group when it has none", async () => {
    const gate = createGate();
    // These are published first, so that the leaving consumer reads all three at once and still holds two when it
    // leaves.
    for (const task of ["t1", "t2", "t3"]) await publish(task);
    const first = await consume({
      consumer: "leaver",
      handle: async (event) => {
        seen.push(event);
        await gate.opened;
      },
    });
    await eventually(() => assert.deepEqual(tasks(), ["t1"]));
    const closed = first.close();
    gate.open();
    await closed;
    const patient = { ...quick, abandonedMs: 60_000 };
    const second = await consume({ consumer: "stayer", redelivery: patient });
    await eventually(() => assert.deepEqual(tasks().sort(), ["t1", "t2", "t3"]));
    await second.close();
    const names = JSON.stringify(await redis.client.xinfo("CONSUMERS", eventsKey(0), "g"));
    assert.doesNotMatch(names, /stayer/);
  });

  it("starts a new group at new events when configured so, and continues at its place after a restart", async () => {
    await publish("before");
    const first = await consume({ from: "now" });
    await publish("t1");
    await eventually(() => assert.deepEqual(tasks(), ["t1"]));
    await first.close();
    await publish("t2");
    await consume({ from: "now", consumer: "two" });
    await eventually(() => assert.deepEqual(tasks(), ["t1", "t2"]));
  });

  it("delays no group when the handler of another never ends", async () => {
    const gate = createGate();
    let held = 0;
    const handle = async () => {
      held += 1;
      await gate.opened;
    };
    await consume({ group: "notification.slow", handle });
    await consume({ group: "notification.quick" });
    const names = Array.from({ length: 100 }, (_, at) => `t${at}`);
    for (const name of names) await publish(name);
    await eventually(() => assert.deepEqual(tasks(), names));
    assert.equal(held, 1);
    gate.open();
  });

  it("lets the stream be trimmed under a group without readers, which continues at the oldest event that is left", async () => {
    await (await consume()).close();
    for (let at = 0; at < 300; at += 1) await publish(`t${at}`);
    await redis.client.xtrim(eventsKey(0), "MAXLEN", 100);
    assert.equal(await pending(), 0);
    await consume({ consumer: "two" });
    await eventually(() => assert.equal(seen.length, 100));
    assert.equal(tasks()[0], "t200");
  });

  it("returns every connection when it closes, since it would be opened again otherwise", async () => {
    const borrowed = new Set<RedisConnection["client"]>();
    const duplicate = async () => {
      const client = await redis.duplicate();
      borrowed.add(client);
      return client;
    };
    const release = (client: RedisConnection["client"]) => {
      borrowed.delete(client);
      redis.release(client);
    };
    const consumer = await consume({ redis: { ...redis, duplicate, release }, partitions: 2 });
    assert.equal(borrowed.size, 2);
    await consumer.close();
    assert.equal(borrowed.size, 0);
  });

  it("makes the group again when Redis lost it", async () => {
    await consume();
    await publish("t1");
    await eventually(() => assert.deepEqual(tasks(), ["t1"]));
    await redis.client.flushall();
    await publish("t2");
    await eventually(() => assert.deepEqual(tasks(), ["t1", "t2"]));
  });

  it("continues when the memory of Redis is full: it still handles, acknowledges and parks events", async () => {
    await publish("t1");
    await publish("bad");
    await redis.client.config("SET", "maxmemory", 1);
    try {
      for (const consumer of ["one", "two"]) {
        const handle: ConsumeOptions["handle"] = async (event) => {
          if (event.taskId === "bad") throw new Error("no");
          seen.push(event);
        };
        await consume({ consumer, handle, redelivery: { ...quick, maxDeliveries: 2 } });
      }
      await nothingPending();
      assert.deepEqual(tasks(), ["t1"]);
      assert.equal(await redis.client.xlen(parkedKey(0, "g")), 1);
    } finally {
      await redis.client.config("SET", "maxmemory", 0);
    }
  });

  it("loses nothing when Redis is killed and comes back", async () => {
    await consume();
    await publish("t1");
    await eventually(() => assert.deepEqual(tasks(), ["t1"]));
    await server.kill9();
    await server.restart();
    await publish("t2");
    await eventually(() => assert.deepEqual(tasks(), ["t1", "t2"]));
    await nothingPending();
  });

  describe("with several events in flight", () => {
    it("handles every event, begins them in order, never more than allowed, and a failed one again", async () => {
      const failures = fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })), {
        minLength: 1,
        maxLength: 120,
      });
      await fc.assert(
        fc.asyncProperty(failures, fc.integer({ min: 2, max: 40 }), async (times, inFlight) => {
          await redis.client.flushall();
          const left = new Map(times.map((count, at) => [`t${at}`, count]));
          const begun: string[] = [];
          const done: string[] = [];
          let [running, most] = [0, 0];
          const handle = async ({ taskId }: Event): Promise<void> => {
            if (!begun.includes(taskId)) begun.push(taskId);
            most = Math.max(most, (running += 1));
            // They end in another order than they began.
            for (let turns = taskId.length * 7 + (begun.length % 5); turns > 0; turns -= 1) await Promise.resolve();
            if (begun.length % 3 === 0) await new Promise(setImmediate);
            running -= 1;
            const more = left.get(taskId) ?? 0;
            left.set(taskId, more - 1);
            if (more > 0) throw new Error("not now");
            done.push(taskId);
          };
          for (const task of left.keys()) await publish(task);
          const consumer = await consume({ handle, inFlight });
          await eventually(() => assert.equal(done.length, times.length));
          await nothingPending();
          await consumer.close();
          assert.deepEqual(done.toSorted(), [...left.keys()].toSorted());
          assert.deepEqual(begun, [...left.keys()]);
          assert.ok(most <= inFlight, `${most} at once`);
        }),
        { numRuns: 20 },
      );
    });

    it("lets the running handlers end when it closes, begins no other, and offers the rest to other consumers", async () => {
      const gate = createGate();
      const begun: string[] = [];
      const names = Array.from({ length: 10 }, (_, at) => `t${at}`);
      for (const name of names) await publish(name);
      const first = await consume({
        consumer: "leaver",
        inFlight: 3,
        handle: async (event) => {
          begun.push(event.taskId);
          await gate.opened;
          seen.push(event);
        },
      });
      await eventually(() => assert.deepEqual(begun, ["t0", "t1", "t2"]));
      let closed = false;
      const closing = (async () => {
        await first.close();
        closed = true;
      })();
      await redis.ping();
      assert.equal(closed, false);
      gate.open();
      await closing;
      assert.deepEqual(tasks(), ["t0", "t1", "t2"]);
      await consume({ consumer: "stayer", inFlight: 3, redelivery: { ...quick, abandonedMs: 60_000 } });
      await eventually(() => assert.deepEqual(tasks().toSorted(), names));
      assert.deepEqual(begun, ["t0", "t1", "t2"]);
      await nothingPending();
    });

    it("keeps the entries of a slow handler from other consumers while it handles others", async () => {
      const gate = createGate();
      const handled: string[] = [];
      const handle = async ({ taskId }: Event): Promise<void> => {
        handled.push(taskId);
        if (taskId === "slow") await gate.opened;
        // The other events take longer than the time after which entries count as abandoned.
        else await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await publish("slow");
      for (let at = 0; at < 25; at += 1) await publish(`t${at}`);
      await consume({ consumer: "busy", handle, inFlight: 2 });
      await eventually(() => assert.ok(handled.includes("t0")));
      await consume({ consumer: "other", handle, inFlight: 2 });
      await eventually(() => assert.ok(handled.includes("t24")));
      gate.open();
      await nothingPending();
      assert.equal(handled.filter((task) => task === "slow").length, 1);
    });
  });
});
