import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import type { OpenChannel } from "../src/delivery/channel-worker.js";
import { type Delivering, deliverAll } from "../src/delivery/deliver-all.js";
import type { Channel } from "../src/domain/channel.js";
import { bareNotice } from "../src/domain/notice.js";
import type { NoticeStore } from "../src/domain/notice-store.js";
import { createRedisNoticeStore } from "../src/redis/redis-notice-store.js";

describe("the workers of channels", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let nowMs: number;
  let timers: { atMs: number; act: () => void }[];
  let store: NoticeStore;
  /** Calls of workers to the store that are in progress. */
  let asking: number;
  const running: Delivering[] = [];
  let told: string[][];

  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });
  beforeEach(async () => {
    await redis.client.flushall();
    nowMs = Date.UTC(2026, 0, 1);
    timers = [];
    told = [];
    asking = 0;
    store = createRedisNoticeStore(redis.client, {
      channels: ["good", "slow"],
      log: pino({ level: "silent" }),
      clock: () => nowMs,
    });
    const { claim, settle } = store;
    store = {
      ...store,
      claim: (...given) => asked(claim(...given)),
      settle: (...given) => asked(settle(...given)),
    };
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.close()));
  });

  async function asked<T>(call: Promise<T>): Promise<T> {
    asking += 1;
    try {
      return await call;
    } finally {
      asking -= 1;
    }
  }
  /** The clock that limits attempts. It is the same as that of the store. */
  const timer = (ms: number, act: () => void) => {
    const one = { atMs: nowMs + ms, act };
    timers.push(one);
    return () => {
      timers = timers.filter((each) => each !== one);
    };
  };
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const { atMs, act } of [...timers]) if (atMs <= nowMs) act();
  };
  const open = (name: string, deliver: Channel["deliver"]): OpenChannel => ({
    name,
    type: "test",
    use: { records: false, concurrency: 4, perMinute: 0 },
    channel: { target: name, deliver },
    render: () => ({ title: "", body: "" }),
  });
  const start = (...channels: OpenChannel[]): Delivering => {
    const one = deliverAll(channels, {
      store,
      now: () => new Date(nowMs),
      giveUpMs: 24 * 3_600_000,
      summary: () => "s",
      count: () => undefined,
      onMissed: async (channel, { id }, { part, why }) => void told.push([channel, id, part, why]),
      inSpan: (_notice, _channel, work) => work(),
      timer,
      log: pino({ level: "silent" }),
    });
    running.push(one);
    return one;
  };
  const accept = (id: string, ...channels: string[]) =>
    store.accept(
      bareNotice({ id, kind: "k", time: new Date(nowMs) }),
      channels.map((channel) => ({ channel, mode: "told", notBefore: undefined })),
    );

  it("deliver all the while to the other channels when one hangs for ten minutes, and to that one afterwards", async () => {
    let open10 = false;
    const gate: (() => void)[] = [];
    const [good, slow]: [string[], string[]] = [[], []];
    const waits = () => new Promise<void>((resolve) => gate.push(resolve));
    const delivering = start(
      open("good", async ({ id }) => void good.push(id)),
      open("slow", async ({ id }) => {
        if (!open10) return waits();
        slow.push(id);
      }),
    );
    const ids = Array.from({ length: 60 }, (_, at) => `n${at}`);
    for (const id of ids) {
      await accept(id, "good", "slow");
      delivering.wake();
      await eventually(() => assert.equal(good.at(-1), id));
      pass(10_000);
    }
    assert.deepEqual([good, slow], [ids, []]);
    open10 = true;
    await eventually(
      () => {
        // A claim whose answer comes after its lease ended would be given out again.
        if (asking === 0) pass(15_000);
        delivering.wake();
        assert.deepEqual([...new Set(slow)].sort(), [...ids].sort());
      },
      { timeoutMs: 30_000 },
    );
    assert.equal(slow.length, ids.length, "nothing came twice");
    for (const end of gate) end();
  });

  it("keep a ref that a channel returns, but no long one, and report what was not delivered", async () => {
    const refs: (string | undefined)[] = [];
    const answers = [{ ref: "r".repeat(1_025) }, { ref: "7", missed: "bob (550)" }, {}];
    const opens = open("good", async ({ ref: before }) => {
      refs.push(before);
      return answers[refs.length - 1];
    });
    const delivering = start(opens);
    for (const [at, action] of (["opens", "updates", "updates"] as const).entries()) {
      const notice = bareNotice({ id: `m${at}`, kind: "k", time: new Date(nowMs), dedupKey: "m", action });
      await store.accept(notice, [{ channel: "good", mode: "told", notBefore: undefined }]);
      delivering.wake();
      await eventually(() => assert.equal(refs.length, at + 1));
    }
    assert.deepEqual(refs, [undefined, undefined, "7"]);
    assert.deepEqual(told, [["good", "m1", "some", "bob (550)"]]);
  });

  it("give up a message with which the process has ended ten times", async () => {
    await accept("bad", "good");
    for (let at = 0; at < 10; at++) {
      const { claims } = await store.claim("good", { most: 1, perMinute: 0, leaseMs: 1_000 });
      assert.equal(claims.length, 1);
      nowMs += 1_000;
    }
    await accept("fine", "good");
    const sent: string[] = [];
    start(open("good", async ({ id }) => void sent.push(id))).wake();
    await eventually(async () => {
      const [delivery] = (await store.find("bad"))?.deliveries ?? [];
      const cause = "10 attempts ended with the process, and left no result";
      assert.deepEqual([delivery?.state, delivery?.attempts.map((each) => each.cause)], ["dead", [cause]]);
    });
    await eventually(() => assert.deepEqual(sent, ["fine"]));
    // A person's retry begins from the start.
    await store.retry("good", "bad");
    await eventually(() => assert.deepEqual(sent, ["fine", "bad"]));
  });

  it("share the work between replicas, and send nothing twice", async () => {
    const sent: string[] = [];
    const shares = [0, 0];
    const replica = (at: number) =>
      start(
        open("good", async ({ id }) => {
          sent.push(id);
          shares[at] = (shares[at] ?? 0) + 1;
          await new Promise(setImmediate);
        }),
      );
    const replicas = [replica(0), replica(1)];
    const ids = Array.from({ length: 300 }, (_, at) => `n${at}`);
    for (const id of ids) await accept(id, "good");
    await eventually(() => {
      for (const each of replicas) each.wake();
      assert.equal(new Set(sent).size, ids.length);
    });
    assert.equal(sent.length, ids.length);
    assert.ok(
      shares.every((share) => share > 0),
      `shares: ${shares.join(", ")}`,
    );
  });
});
