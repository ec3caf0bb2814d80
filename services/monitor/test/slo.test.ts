import assert from "node:assert/strict";
import { load } from "@ccsp/config";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { HeartbeatRequest } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import * as fc from "fast-check";
import { pino } from "pino";
import { objectiveSettings } from "../src/slo/config.js";
import { type Bucket, openCountStore } from "../src/slo/count-store.js";
import { alertOf, BUDGET_WINDOW_MS, WINDOW_NAMES, WINDOWS } from "../src/slo/domain/burn.js";
import { countersOf } from "../src/slo/messages.js";
import { sloSignals } from "../src/slo/signals.js";
import { reportSlos } from "../src/slo/slo-report.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.parse("2026-03-01T10:30:20Z");
const OBJECTIVES = load({}, objectiveSettings).config;

describe("the counts of the objectives", function () {
  this.timeout(120_000);
  let server: RedisServer;
  let redis: RedisConnection;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  });
  after(async () => {
    await redis?.close();
    await server?.stop();
  });
  beforeEach(() => redis.client.flushall());

  const source = (bootId: string, uptimeMs = 0) => ({ service: "gateway", instance: "g", bootId, uptimeMs });
  const sumsOf = (buckets: readonly Bucket[]) => new Map(buckets.map(({ startMs, counts }) => [startMs, counts]));

  /** A report of a process: how much each counter grew since the one before, and what the network does with it. */
  const anyReport = fc.record({
    boot: fc.constantFrom("one", "two", "three"),
    grown: fc.record({ total: fc.nat(50), unavailable: fc.nat(3), "ok:0.2": fc.nat(40) }),
    minutesLater: fc.nat(90),
    fate: fc.constantFrom("delivered", "delivered", "lost", "repeated", "late"),
  });

  it("are exact when heartbeats of several processes are lost, repeated and late, in every minute and hour", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyReport, { maxLength: 40 }), async (reports) => {
        await redis.client.flushall();
        const replicas = [openCountStore(redis.client), openCountStore(redis.client)] as const;
        const cumulative = new Map<string, Map<string, number>>();
        const highest = new Map<string, number>();
        const minutes = new Map<number, Map<string, number>>();
        const held: { readonly boot: string; readonly counts: ReadonlyMap<string, number> }[] = [];
        let atMs = NOW;
        let turn = 0;
        const deliver = async (boot: string, counts: ReadonlyMap<string, number>) => {
          await replicas[turn++ % 2 === 0 ? 0 : 1].take(source(boot), counts, new Date(atMs));
          for (const [counter, value] of counts) {
            const known = highest.get(`${boot} ${counter}`) ?? 0;
            if (value <= known) continue;
            highest.set(`${boot} ${counter}`, value);
            const startMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
            const bucket = minutes.get(startMs) ?? new Map<string, number>();
            minutes.set(startMs, bucket.set(counter, (bucket.get(counter) ?? 0) + value - known));
          }
        };
        for (const { boot, grown, minutesLater, fate } of reports) {
          atMs += minutesLater * MINUTE_MS;
          const counts = cumulative.get(boot) ?? new Map<string, number>();
          cumulative.set(boot, counts);
          for (const [counter, by] of Object.entries(grown))
            if (by > 0) counts.set(counter, (counts.get(counter) ?? 0) + by);
          if (fate === "late") held.push({ boot, counts: new Map(counts) });
          if (fate === "delivered" || fate === "repeated") await deliver(boot, counts);
          if (fate === "repeated") await deliver(boot, counts);
          if (fate === "delivered") for (const old of held.splice(0)) await deliver(old.boot, old.counts);
        }
        const hours = new Map<number, Map<string, number>>();
        for (const [startMs, counts] of minutes) {
          const hour = Math.floor(startMs / HOUR_MS) * HOUR_MS;
          const bucket = hours.get(hour) ?? new Map<string, number>();
          hours.set(hour, bucket);
          for (const [counter, count] of counts) bucket.set(counter, (bucket.get(counter) ?? 0) + count);
        }
        const end = new Date(atMs);
        assert.deepEqual(sumsOf(await replicas[0].read("minute", NOW, end)), minutes);
        assert.deepEqual(sumsOf(await replicas[1].read("hour", NOW, end)), hours);
      }),
      { numRuns: 60 },
    );
  });

  it("do not count again what a process did that was forgotten, and count from zero what was never heard of", async () => {
    const store = openCountStore(redis.client);
    const [old, young] = [source("old", 4 * DAY_MS), source("young", HOUR_MS)];
    await store.take(old, new Map([["total", 1_000]]), new Date(NOW));
    await store.take(old, new Map([["total", 1_007]]), new Date(NOW));
    await store.take(young, new Map([["total", 30]]), new Date(NOW));
    const [hour] = await store.read("hour", NOW, new Date(NOW));
    assert.deepEqual(hour?.counts.get("total"), 37);
  });

  it("are the burn rates and the budget that a plain recomputation finds, at any time of the month", async () => {
    const anyBurst = fc.record({
      agoMinutes: fc.oneof(fc.nat(90), fc.nat(400), fc.nat(31 * 24 * 60)),
      total: fc.integer({ min: 1, max: 500 }),
      badShare: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(anyBurst, { maxLength: 30 }), async (bursts) => {
        await redis.client.flushall();
        const store = openCountStore(redis.client);
        const inOrder = bursts
          .map(({ agoMinutes, total, badShare }) => ({
            atMs: NOW - agoMinutes * MINUTE_MS,
            total,
            bad: Math.round(total * badShare),
          }))
          .toSorted((a, b) => a.atMs - b.atMs);
        const sums = { total: 0, bad: 0 };
        for (const { atMs, total, bad } of inOrder) {
          sums.total += total;
          sums.bad += bad;
          const counts = new Map([
            ["total", sums.total],
            ["unavailable", sums.bad],
          ]);
          await store.take(source("b"), counts, new Date(atMs));
        }
        const { standings } = await reportSlos(store, OBJECTIVES, new Date(NOW));
        const [availability] = standings;
        const errors = standings.find(({ objective }) => objective.name === "errors");
        const over = (windowMs: number) => {
          const stepMs = windowMs <= 6 * HOUR_MS ? MINUTE_MS : HOUR_MS;
          const firstMs = Math.floor(NOW / stepMs) * stepMs - windowMs;
          const within = inOrder.filter(({ atMs }) => atMs >= firstMs);
          const total = within.reduce((sum, each) => sum + each.total, 0);
          const bad = within.reduce((sum, each) => sum + each.bad, 0);
          return { total, bad, rate: total === 0 ? 0 : bad / total / (1 - 0.999) };
        };
        const found = availability?.burns;
        for (const window of WINDOW_NAMES) assert.deepEqual(found?.[window], over(WINDOWS[window]), window);
        const { total, bad, rate } = over(BUDGET_WINDOW_MS);
        assert.deepEqual(availability?.budget, { total, bad });
        assert.equal(availability?.budgetLeft, 1 - rate);
        assert.deepEqual(errors?.budget, { total, bad: 0 }, "a call is bad for one objective only");
      }),
      { numRuns: 40 },
    );
  });

  /** One process whose calls fail at this rate, each minute of the last `minutes`. */
  async function failing(minutes: number, badOf: (agoMinutes: number) => number) {
    const store = openCountStore(redis.client);
    const sums = { total: 0, bad: 0 };
    for (let ago = minutes; ago >= 0; ago -= 1) {
      sums.total += 1_000;
      sums.bad += badOf(ago);
      const counts = new Map([
        ["total", sums.total],
        ["unavailable", sums.bad],
      ]);
      await store.take(source("b"), counts, new Date(NOW - ago * MINUTE_MS));
    }
    const report = await reportSlos(store, OBJECTIVES, new Date(NOW));
    const [availability] = report.standings;
    assert.ok(availability);
    const signals = await sloSignals(async () => report).read(new Date(NOW));
    const rate = (window: string) =>
      signals.find(({ labels }) => labels["slo"] === "availability" && labels["window"] === window)?.value ?? -1;
    return { alert: alertOf(availability), rate };
  }

  it("call for a fast alert at 14.4 times the budget's rate in an hour, and not when it is over", async () => {
    // 1.5 % of the calls fail: 15 times the 0.1 % that may.
    const burning = await failing(90, () => 15);
    assert.deepEqual([burning.alert, Math.round(burning.rate("fast") * 100)], ["fast", 1_500]);
    await redis.client.flushall();
    const over = await failing(90, (ago) => (ago > 10 ? 20 : 0));
    assert.deepEqual([over.alert, over.rate("fast")], ["slow", 0]);
  });

  it("call for a slow alert at six times the rate in six hours, or at the rate itself in three days", async () => {
    const six = await failing(400, () => 7);
    assert.deepEqual([six.alert, Math.round(six.rate("6h") * 100)], ["slow", 700]);
    await redis.client.flushall();
    const three = await failing(400, () => 2);
    assert.deepEqual([three.alert, three.rate("slow") > 1], ["slow", true]);
    await redis.client.flushall();
    assert.equal((await failing(400, (ago) => ago % 2)).alert, "");
  });

  it("call for no alert because of a few calls that failed when there were few calls", async () => {
    const store = openCountStore(redis.client);
    const counts = new Map([
      ["total", 6],
      ["unavailable", 4],
    ]);
    await store.take(source("b"), counts, new Date(NOW));
    const { standings } = await reportSlos(store, OBJECTIVES, new Date(NOW));
    assert.deepEqual(standings.map(alertOf).join(""), "");
    assert.ok((standings[0]?.budgetLeft ?? 0) < 0, "the budget shows them nevertheless");
  });

  it("are of the calls of agents at gateways and of first starts at queues, and of nothing else", () => {
    const calls = [
      { method: "/ccsp.gateway.v1.AgentService/GetTask", ok: [5n, 2n, 1n], unavailable: 3n, faults: 2n, total: 20n },
      {
        method: "/ccsp.gateway.v1.OperatorService/GetUsage",
        ok: [0n, 0n, 9n],
        unavailable: 9n,
        faults: 9n,
        total: 90n,
      },
    ];
    const starts = [{ class: "high", inTime: 4n, late: 1n }];
    const said = (service: string) =>
      Object.fromEntries(
        countersOf(HeartbeatRequest.fromPartial({ report: { service }, callBounds: [0.1, 0.2], calls, starts })),
      );
    assert.deepEqual(said("gateway"), {
      total: 20,
      unavailable: 3,
      faults: 2,
      "ok:0.1": 5,
      "ok:0.2": 2,
      "ok:inf": 1,
    });
    assert.deepEqual(said("queue"), { "starts:high:in-time": 4, "starts:high:late": 1 });
    assert.deepEqual(said("monitor"), {});
  });
});

describe("the settings of the objectives", () => {
  it("refuse percentages that leave no budget or no objective, and latencies that nobody has counted", () => {
    for (const [name, value] of [
      ["CCSP_MONITOR_SLO_AVAILABILITY", "100"],
      ["CCSP_MONITOR_SLO_ERRORS", "0"],
      ["CCSP_MONITOR_SLO_STARTS", "95%"],
      ["CCSP_MONITOR_SLO_LATENCY", "150ms"],
    ] as const)
      assert.throws(() => load({ [name]: value }, objectiveSettings), new RegExp(name), value);
  });

  it("say by their names and shares what they promise", () => {
    const env = { CCSP_MONITOR_SLO_LATENCY: "1s", CCSP_MONITOR_SLO_AVAILABILITY: "99.95" };
    assert.deepEqual(
      load(env, objectiveSettings).config.map(({ name, share }) => [name, share]),
      [
        ["availability", 0.9995],
        ["errors", 0.999],
        ["latency", 0.95],
        ...["urgent", "high", "normal", "low"].map((priority) => [`start-${priority}`, 0.95]),
      ],
    );
  });
});
