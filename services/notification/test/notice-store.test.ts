import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { DeliveryError } from "../src/domain/channel.js";
import { bareNotice, type Notice } from "../src/domain/notice.js";
import type { Claim, NoticeStore, Route } from "../src/domain/notice-store.js";
import { placeOf } from "../src/domain/place.js";
import { afterFailure, afterSuccess } from "../src/domain/retry-rules.js";
import { KEYS } from "../src/redis/keys.js";
import { createRedisNoticeStore } from "../src/redis/redis-notice-store.js";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);
const CHANNELS = ["file", "ops", "hook"];
const LEASE_MS = 22_000;

describe("the store of notices", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let nowMs: number;
  let store: NoticeStore;
  let logged: string[];

  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });
  const open = (kept?: number) =>
    createRedisNoticeStore(redis.client, {
      channels: CHANNELS,
      log: pino({}, { write: (line: string) => void logged.push(line) }),
      clock: () => nowMs,
      ...(kept !== undefined && { kept }),
    });
  beforeEach(async () => {
    await redis.client.flushall();
    nowMs = START;
    logged = [];
    store = open();
  });

  const notice = (id: string, given: Partial<Notice> = {}): Notice =>
    bareNotice({ id, kind: "alert.firing", time: new Date(nowMs), ...given });
  const to = (...channels: string[]): Route[] =>
    channels.map((channel) => ({ channel, mode: channel === "file" ? "record" : "told", notBefore: undefined }));
  const claim = async (channel: string, most = 10, perMinute = 0) =>
    (await store.claim(channel, { most, perMinute, leaseMs: LEASE_MS })).claims;
  const ended = ({ delivery }: Claim) => ({
    delivery,
    started: new Date(nowMs),
    now: new Date(nowMs),
    giveUpMs: 24 * HOUR,
    random: () => 1,
  });
  const succeed = (one: Claim, ref?: string) => {
    const { id, kind: eventType, time, taskId, agentId } = one.notice;
    const rest = {
      eventTime: time,
      taskId,
      agentId,
      summary: "s",
      channel: one.channel,
      deliveryTime: new Date(nowMs),
    };
    return store.settle(one, afterSuccess(ended(one), ref, { id: one.id ?? id, eventType, ...rest }));
  };
  const fail = (one: Claim, error: unknown) => store.settle(one, afterFailure(error, ended(one)));
  const ids = (claims: readonly Claim[]) => claims.map(({ id }) => id);
  const drain = async (channel: string): Promise<string[]> => {
    const got: string[] = [];
    for (let claims = await claim(channel); claims.length > 0; claims = await claim(channel)) {
      for (const one of claims) {
        got.push(`${one.id}${one.repeats > 0 ? ` x${one.repeats}` : ""}`);
        await succeed(one);
      }
    }
    return got;
  };

  it("gives each channel its notices in order, once, whatever the other channels do", async () => {
    for (const id of ["a", "b", "c"]) assert.equal(await store.accept(notice(id), to("file", "ops")), "ok");
    assert.equal(await store.accept(notice("b"), to("file", "ops")), "repeat");
    assert.deepEqual(await drain("file"), ["a", "b", "c"]);
    assert.deepEqual(await drain("hook"), []);
    assert.deepEqual(await drain("ops"), ["a", "b", "c"]);
    const { entries } = await store.listDelivered({ after: undefined, size: 10, eventType: "", channel: "ops" });
    assert.deepEqual(
      entries.map(({ id }) => id),
      ["c", "b", "a"],
    );
  });

  it("delivers no event to the file that release 0.2.0 has delivered", async () => {
    await redis.client.zadd(KEYS.delivered, nowMs - HOUR, "file 0:7-0");
    await store.accept(notice("0:7-0"), to("file", "ops"));
    assert.deepEqual([await drain("file"), await drain("ops")], [[], ["0:7-0"]]);
  });

  it("delivers the notices of an incident one after the other, and others meanwhile", async () => {
    const dedupKey = "m";
    await store.accept(notice("1", { dedupKey }), to("ops"));
    await store.accept(notice("2", { dedupKey, action: "updates" }), to("ops"));
    await store.accept(notice("other"), to("ops"));
    const first = await claim("ops");
    assert.deepEqual(ids(first).sort(), ["1", "other"]);
    assert.deepEqual(await claim("ops"), []);
    const one = first.find(({ id }) => id === "1");
    if (one === undefined) throw new Error("1 was not claimed");
    await succeed(one, "issue 7");
    const [second] = await claim("ops");
    assert.deepEqual([second?.id, second?.ref], ["2", "issue 7"]);
  });

  it("gives the delivery of a worker that died to another one, and refuses what the dead one says of a failure", async () => {
    await store.accept(notice("1"), to("ops"));
    const [dead] = await claim("ops");
    nowMs += LEASE_MS - 1;
    assert.deepEqual(await claim("ops"), []);
    nowMs += 1;
    const [next] = await claim("ops");
    if (dead === undefined || next === undefined) throw new Error("not claimed");
    assert.equal(next.id, "1");
    assert.equal(await fail(dead, new Error("late")), "lost");
    assert.equal(await succeed(next), "ok");
    assert.equal(await succeed(next), "repeat");
  });

  it("counts the repeats of an open incident, reports them once when it is time, and the end", async () => {
    const dedupKey = "m";
    await store.accept(notice("first", { dedupKey }), to("file", "ops"));
    for (let at = 0; at < 50; at++)
      assert.equal(await store.accept(notice(`again-${at}`, { dedupKey }), to("file", "ops")), "counted");
    assert.equal(await store.tellRepeats(), 0);
    nowMs += 60_000;
    assert.equal(await store.tellRepeats(), 1);
    assert.equal(await store.tellRepeats(), 0);
    await store.accept(notice("end", { dedupKey, action: "resolves" }), to("file", "ops"));
    assert.equal(await store.accept(notice("end 2", { dedupKey, action: "resolves" }), to("file", "ops")), "counted");
    assert.deepEqual(await drain("ops"), ["first", "first/repeats/1 x50", "end"]);
    assert.equal((await drain("file")).length, 53, "a channel that records gets each notice by itself");
    // The incident can begin again.
    assert.equal(await store.accept(notice("new", { dedupKey }), to("ops")), "ok");
    assert.deepEqual(await drain("ops"), ["new"]);
  });

  it("reports the repeats before the end when the incident ends early", async () => {
    const dedupKey = "m";
    await store.accept(notice("first", { dedupKey }), to("ops"));
    for (const id of ["2", "3"]) await store.accept(notice(id, { dedupKey }), to("ops"));
    await store.accept(notice("end", { dedupKey, action: "resolves" }), to("ops"));
    nowMs += HOUR;
    assert.equal(await store.tellRepeats(), 0);
    assert.deepEqual(await drain("ops"), ["first", "first/repeats/1 x2", "end"]);
  });

  it("reports an end to those who got the beginning, and an end without a beginning to nobody", async () => {
    await store.accept(notice("begin", { dedupKey: "m" }), to("hook"));
    await store.accept(notice("end", { dedupKey: "m", action: "resolves" }), to("ops"));
    await store.accept(notice("strange", { dedupKey: "n", action: "resolves" }), to("file", "ops", "hook"));
    assert.deepEqual(
      [await drain("ops"), await drain("hook"), await drain("file")],
      [[], ["begin", "end"], ["strange"]],
    );
  });

  it("begins an incident again after the time at which it ends by itself", async () => {
    const given = { dedupKey: "gate", endTime: new Date(nowMs + HOUR) };
    await store.accept(notice("1", given), to("ops"));
    nowMs += HOUR;
    assert.equal(await store.accept(notice("2", { dedupKey: "gate" }), to("ops")), "ok");
    assert.deepEqual(await drain("ops"), ["1", "2"]);
  });

  describe("whose order of arrival is not the order of what happened", () => {
    const happened = { closed: 1, opened: 2, "closed again": 3, "opened again": 4 };
    const key = "gate/all";
    const come = (id: string, at: number, given: Partial<Notice> = {}) => {
      const action = id.startsWith("opened") ? "resolves" : "opens";
      const made = notice(id, { dedupKey: key, action, ...given });
      return store.accept(made, to("file", "ops"), { place: placeOf(`1700000000000-${at}`) });
    };

    it("leaves no pause open that has ended, and reports the next one, in each order of arrival", async () => {
      for (const [at, order] of permutations(Object.entries(happened)).entries()) {
        await redis.client.flushall();
        for (const [id, place] of order) await come(id, place);
        const said = order.map(([id]) => id).join(", ");
        assert.equal((await store.incident(key))?.open, false, said);
        const told = await drain("ops");
        assert.equal(await come(`closed ${at}`, 10), "ok", said);
        assert.deepEqual(await drain("ops"), [`closed ${at}`], said);
        const news = told.filter((id) => !id.includes("/repeats/"));
        assert.deepEqual(news, [...news].sort(byPlace), `reported in the order in which it happened: ${said}`);
        assert.deepEqual((await drain("file")).sort(), [...Object.keys(happened), `closed ${at}`].sort());
      }
    });

    it("keeps a pause open that goes on, when the end of the one before it comes late", async () => {
      await come("closed", 1);
      await come("closed again", 3);
      assert.equal(await come("opened", 2), "counted");
      assert.equal((await store.incident(key))?.open, true);
      await come("opened again", 4);
      assert.deepEqual(await drain("ops"), ["closed", "closed/repeats/1 x1", "opened again"]);
    });

    it("reports no beginning whose own end has passed, or whose end is known from elsewhere", async () => {
      assert.equal(await come("closed", 1, { endTime: new Date(nowMs) }), "late");
      const order = { place: placeOf("1700000000000-3"), newestEnd: placeOf("1700000000000-4") };
      assert.equal(await store.accept(notice("closed again", { dedupKey: key }), to("file", "ops"), order), "late");
      assert.deepEqual([await drain("ops"), await drain("file")], [[], ["closed", "closed again"]]);
      assert.equal(await store.incident(key), undefined);
    });

    it("ends an incident that was stored before incidents had an order", async () => {
      await come("closed", 1);
      const stored = JSON.parse((await redis.client.hget(KEYS.incidents, key)) ?? "{}");
      await redis.client.hset(KEYS.incidents, key, JSON.stringify({ ...stored, began: undefined }));
      assert.equal(await come("opened", 2), "ok");
      assert.equal(await come("closed again", 3), "ok");
      assert.deepEqual(await drain("ops"), ["closed", "opened", "closed again"]);
    });

    it("remembers a bounded number of ends", async () => {
      store = open(3);
      for (let at = 1; at <= 20; at += 1) {
        nowMs += 1;
        await come(`opened ${at}`, at, { dedupKey: `alert/${at}` });
      }
      assert.equal(await redis.client.hlen(KEYS.incidents), 3);
      assert.equal(await come("firing", 19, { dedupKey: "alert/20" }), "late");
    });

    const byPlace = (a: string, b: string) => Object.keys(happened).indexOf(a) - Object.keys(happened).indexOf(b);
  });

  it("forgets the oldest incidents that ended by themselves or were resolved, and none that goes on", async () => {
    store = open(3);
    const begin = (id: string, dedupKey: string, endTime?: Date) =>
      store.accept(notice(id, { dedupKey, ...(endTime && { endTime }) }), to("ops"));
    await begin("long", "month", new Date(nowMs + 700 * HOUR));
    await begin("open", "no end");
    for (let hour = 0; hour < 50; hour += 1) {
      await begin(`${hour}`, `hour ${hour}`, new Date(nowMs + HOUR));
      nowMs += HOUR;
    }
    assert.ok(
      (await redis.client.hlen(KEYS.incidents)) <= 6,
      "three that have ended, the last one, and two that go on",
    );
    assert.equal(await begin("again", "month", new Date(nowMs + 650 * HOUR)), "counted");
    assert.equal(await begin("again2", "no end"), "counted");
  });

  it("reports repeats from the quiet hours of a channel when these end", async () => {
    const quiet = (until: number): Route[] => [{ channel: "ops", mode: "told", notBefore: new Date(until) }];
    await store.accept(notice("first", { dedupKey: "m" }), to("ops", "hook"));
    assert.deepEqual([await drain("ops"), await drain("hook")], [["first"], ["first"]]);
    const morning = nowMs + 9 * HOUR;
    await store.accept(notice("2", { dedupKey: "m" }), [...quiet(morning), ...to("hook")]);
    nowMs += HOUR;
    assert.equal(await store.tellRepeats(), 1);
    assert.deepEqual([await drain("ops"), await drain("hook")], [[], ["first/repeats/1 x1"]]);
    nowMs = morning;
    assert.deepEqual(await drain("ops"), ["first/repeats/1 x1"]);
  });

  it("waits after a failure, longer each time, and keeps each cause", async () => {
    await store.accept(notice("1"), to("ops"));
    const [one] = await claim("ops");
    if (one === undefined) throw new Error("not claimed");
    await fail(one, new Error("away"));
    nowMs += 999;
    assert.deepEqual(await claim("ops"), []);
    nowMs += 1;
    const [two] = await claim("ops");
    if (two === undefined) throw new Error("not claimed");
    await fail(two, new DeliveryError("unavailable", "the answer was 502"));
    nowMs += 1_999;
    assert.deepEqual(await claim("ops"), []);
    nowMs += 1;
    assert.deepEqual(await drain("ops"), ["1"]);
    const [delivery] = (await store.find("1"))?.deliveries ?? [];
    assert.deepEqual(
      [delivery?.state, delivery?.tries, delivery?.attempts.map(({ cause }) => cause)],
      ["delivered", 3, ["away", "the answer was 502", ""]],
    );
  });

  it("sends nothing to a channel that asks to wait, and everything afterwards", async () => {
    for (const id of ["1", "2", "3"]) await store.accept(notice(id), to("ops", "hook"));
    const [one] = await claim("ops", 1);
    if (one === undefined) throw new Error("not claimed");
    const [underWay] = await claim("ops", 1);
    if (underWay === undefined) throw new Error("not claimed");
    await fail(one, new DeliveryError("limited", "429", 90_000));
    await succeed(underWay);
    nowMs += 89_999;
    assert.deepEqual(await claim("ops"), []);
    assert.deepEqual(await drain("hook"), ["1", "2", "3"]);
    nowMs += 1;
    assert.deepEqual((await drain("ops")).sort(), ["1", "3"]);
  });

  it("takes a channel that limits without a wait for one that fails: a second at least, longer each time", async () => {
    for (let at = 0; at < 50; at++) await store.accept(notice(`n${at}`), to("ops"));
    const attempts: number[] = [];
    for (; nowMs < START + 120_000; nowMs += 250) {
      for (const one of await claim("ops", 1)) {
        attempts.push((nowMs - START) / 1_000);
        await fail(one, { kind: "limited", retryAfterMs: 0 });
      }
    }
    // Four waits of a second, as each is the first attempt of a notice. Then the channel itself is left alone.
    assert.deepEqual(attempts.slice(0, 8), [0, 1, 2, 3, 4, 9, 19, 39]);
    assert.equal((await store.channelStates()).get("ops")?.failures, attempts.length);
    const [waits] = await claim("ops", 1);
    if (waits !== undefined) throw new Error("the channel is not left alone");
    nowMs += HOUR;
    const [one] = await claim("ops", 1);
    if (one === undefined) throw new Error("not claimed");
    const third = { ...one, delivery: { ...one.delivery, tries: 2 } };
    const short = afterFailure(new DeliveryError("unavailable", "503", 1_000), ended(third));
    assert.deepEqual([short.retryMs, short.pauseMs, short.channelIs], [4_000, 4_000, "failed"]);
    const long = afterFailure(new DeliveryError("limited", "429", 5_000), ended(third));
    assert.deepEqual([long.retryMs, long.pauseMs, long.channelIs], [5_000, 5_000, "same"]);
  });

  it("leaves a channel alone that keeps failing, tries it with one notice, and goes on when that is accepted", async () => {
    for (let at = 0; at < 8; at++) await store.accept(notice(`n${at}`), to("ops"));
    // All eight are under way when it stops answering: that is one outage, and the wait is the first one.
    for (const one of await claim("ops", 8)) await fail(one, new Error("away"));
    nowMs += 4_999;
    assert.deepEqual(await claim("ops"), []);
    assert.equal((await store.channelStates()).get("ops")?.failures, 5);
    nowMs += 1;
    const tried = await claim("ops");
    assert.equal(tried.length, 1);
    assert.deepEqual(await claim("ops"), []);
    for (const one of tried) await succeed(one);
    nowMs += 60_000;
    assert.equal((await drain("ops")).length, 7);
  });

  it("tries at once what a person retries, also at a channel that is left alone or has asked to wait", async () => {
    for (const id of ["1", "2"]) await store.accept(notice(id), to("ops"));
    const [one, two] = await claim("ops");
    if (one === undefined || two === undefined) throw new Error("not claimed");
    await fail(one, new DeliveryError("limited", "429", HOUR));
    await fail(two, new DeliveryError("invalid", "422"));
    assert.deepEqual(await claim("ops"), []);
    assert.equal(await store.retry("ops", "1"), "ok");
    assert.deepEqual(await drain("ops"), ["1"]);
    assert.equal(await store.retry("ops", "2"), "ok");
    assert.deepEqual(await drain("ops"), ["2"]);
  });

  it("gives up what a channel never accepts, lists it, and delivers it when a person retries it", async () => {
    await store.accept(notice("bad"), to("ops", "hook"));
    const [one] = await claim("ops");
    if (one === undefined) throw new Error("not claimed");
    await fail(one, new DeliveryError("invalid", "the answer was 422"));
    nowMs += 48 * HOUR;
    assert.deepEqual(await claim("ops"), []);
    const query = { after: undefined, size: 10, eventType: "", channel: "" };
    const { entries } = await store.listUndelivered("dead", query);
    assert.deepEqual(
      entries.map(({ notice: { id }, delivery }) => [id, delivery.channel, delivery.attempts.at(-1)?.cause]),
      [["bad", "ops", "the answer was 422"]],
    );
    assert.equal((await store.listUndelivered("waiting", query)).entries.length, 1);
    assert.equal(await store.retry("ops", "bad"), "ok");
    assert.deepEqual(await drain("ops"), ["bad"]);
    assert.deepEqual([await store.retry("ops", "bad"), await store.retry("ops", "none")], ["delivered", "missing"]);
    assert.deepEqual((await store.listUndelivered("dead", query)).entries, []);
  });

  it("gives a channel no more in any minute than its limit, and the whole limit in each", async () => {
    for (let at = 0; at < 60; at++) await store.accept(notice(`n${at}`), to("ops"));
    const given: number[] = [];
    for (; nowMs < START + 4 * 61_000; nowMs += 500) {
      const { claims, nextMs } = await store.claim("ops", { most: 4, perMinute: 6, leaseMs: HOUR });
      for (const _ of claims) given.push(nowMs);
      if (given.length === 6)
        assert.equal(claims.length === 0 ? nextMs : 0, claims.length === 0 ? START + 61_000 - nowMs : 0);
    }
    for (const from of given) assert.ok(given.filter((at) => at >= from && at < from + 60_000).length <= 6);
    assert.equal(given.length, 4 * 6);
  });

  it("holds a notice back until its time, and lets a critical one of the same incident end the wait", async () => {
    const dedupKey = "m";
    const held = to("ops").map((route) => ({ ...route, notBefore: new Date(nowMs + HOUR) }));
    await store.accept(notice("low", { dedupKey }), held);
    assert.deepEqual(await claim("ops"), []);
    await store.accept(notice("high", { dedupKey, action: "updates", severity: "critical" }), to("ops"));
    assert.deepEqual(await drain("ops"), ["low", "high"]);
  });

  it("keeps a bounded number of notices, and everything that waits", async () => {
    store = open(3);
    await store.accept(notice("waits"), to("ops"));
    for (let at = 0; at < 10; at++) await store.accept(notice(`n${at}`), to("file"));
    await drain("file");
    assert.deepEqual((await redis.client.hkeys(KEYS.notices)).sort(), ["n7", "n8", "n9", "waits"]);
    assert.equal(await redis.client.hlen(KEYS.deliveries), 4);
    assert.equal(await redis.client.hlen(KEYS.left), 1);
    assert.equal(await redis.client.xlen(KEYS.log), 3);
  });

  it("lists what was delivered without an entry that cannot be read, and logs which one that is", async () => {
    for (const id of ["1", "2"]) await store.accept(notice(id), to("file"));
    await drain("file");
    const broken = await redis.client.xadd(KEYS.log, "*", "type", "alert.firing", "notification", "{");
    const list = (after: string | undefined, size: number) =>
      store.listDelivered({ after, size, eventType: "", channel: "" });
    const { entries, next } = await list(undefined, 1);
    const rest = await list(next, 5);
    assert.deepEqual(
      [...entries, ...rest.entries].map(({ id }) => id),
      ["2", "1"],
    );
    assert.deepEqual(
      logged.map((line) => JSON.parse(line).position),
      [broken],
    );
  });

  it("finds a rare type far back, page by page", async () => {
    for (const id of ["1", "2", "3"]) await store.accept(notice(id, { kind: "task.failed" }), to("file"));
    for (let at = 0; at < 1_200; at++) await store.accept(notice(`c${at}`), to("file"));
    await drain("file");
    const list = (after: string | undefined) =>
      store.listDelivered({ after, size: 2, eventType: "task.failed", channel: "" });
    const first = await list(undefined);
    const second = await list(first.next);
    assert.deepEqual(
      [...first.entries, ...second.entries].map(({ id }) => id),
      ["3", "2", "1"],
    );
    assert.equal(second.next, undefined);
  });

  it("makes one message, one digest and one recovery notice of a flood of 10,000 equal events in a minute", async () => {
    const dedupKey = "flood";
    const got: string[] = [];
    const events = 10_000;
    let accepted: Promise<unknown>[] = [];
    for (let at = 0; at < events; at++) {
      nowMs = START + Math.floor((at * 60_000) / events);
      accepted.push(store.accept(notice(`e${at}`, { dedupKey }), to("ops")));
      if (at % 167 === 0 || at === events - 1) {
        await Promise.all(accepted);
        accepted = [];
        await store.tellRepeats();
        got.push(...(await drain("ops")));
      }
    }
    for (let second = 0; second < 120; second++) {
      nowMs += 1_000;
      await store.tellRepeats();
      got.push(...(await drain("ops")));
    }
    await store.accept(notice("end", { dedupKey, action: "resolves" }), to("ops"));
    got.push(...(await drain("ops")));
    assert.deepEqual(got, ["e0", "e0/repeats/1 x9999", "end"]);
  });
});

function permutations<T>(items: readonly T[]): readonly T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((rest) => [item, ...rest]));
}
