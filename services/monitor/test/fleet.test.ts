import assert from "node:assert/strict";
import { decodeEvent, eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { HeartbeatRequest, InstanceReport, InstanceState } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { pino } from "pino";
import { DEFAULT_RULES } from "../src/alerts/domain/default-rules.js";
import { judge, NO_ALERTS } from "../src/alerts/domain/judge.js";
import { matches } from "../src/alerts/domain/rule.js";
import { checkHeartbeat } from "../src/fleet/check-heartbeat.js";
import { createFleet, type Fleet } from "../src/fleet/fleet.js";
import { globalMetrics } from "../src/fleet/global-metrics.js";
import { createMetricsFeed } from "../src/fleet/metrics-feed.js";
import { openFleet } from "../src/fleet/open.js";
import { fleetSignals } from "../src/fleet/signals.js";
import { parseInstance, storedInstance } from "../src/fleet/stored.js";
import { openState } from "../src/state/state-store.js";

const log = pino({ level: "silent" });

const PATIENCE = { lateMs: 45_000, goneMs: 300_000 };
const START = Date.parse("2026-03-01T10:00:00Z");
const at = (seconds: number): Date => new Date(START + seconds * 1_000);

const report = (more: Parameters<typeof InstanceReport.fromPartial>[0] = {}) =>
  InstanceReport.fromPartial({
    service: "executor",
    instance: "executor-1",
    bootId: "boot-1",
    bootTime: at(0),
    uptime: toDuration(1_000),
    sequence: 1n,
    version: "0.3.0",
    state: InstanceState.READY,
    resources: { processCpus: 0.5, memoryBytes: 100n, hostCpuShare: 0.25, memoryShare: 0.5, diskFreeShare: 0.75 },
    executor: { executorId: "executor-1", engines: [{ engine: "claude-code", slots: 4, running: 3 }] },
    ...more,
  });

const heartbeatOf = (of: InstanceReport): HeartbeatRequest => ({ report: of, callBounds: [], calls: [], starts: [] });

describe("the fleet as the monitor knows it", () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let one: Fleet;
  let two: Fleet;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
  });
  after(async () => {
    await redis?.close();
    await server?.stop();
  });
  const fleetState = () =>
    openState({ redis: redis.client, log, part: "fleet", parse: parseInstance, toJson: storedInstance });
  beforeEach(async () => {
    await redis.client.flushall();
    [one, two] = [createFleet(fleetState(), PATIENCE), createFleet(fleetState(), PATIENCE)];
  });

  const told = async () =>
    (await redis.client.xrange(eventsKey(0), "-", "+")).flatMap(([id, fields]) => {
      const data = decodeEvent(0, id, fields)?.data;
      return data?.$case === "systemHealth" ? [`${data.value.instance} ${data.value.state}: ${data.value.why}`] : [];
    });
  const both = (work: (fleet: Fleet) => Promise<unknown>) => Promise.all([one, two].map(work));
  const healthAt = async (seconds: number) => (await two.list(at(seconds))).map(({ health }) => health);

  it("reports each change of an instance once, when two replicas look at the same time", async () => {
    await both((fleet) => fleet.hear(report(), at(1)));
    await both((fleet) => fleet.hear(report({ sequence: 2n, failing: [{ name: "queue", why: "down" }] }), at(31)));
    await both((fleet) => fleet.hear(report({ sequence: 3n }), at(61)));
    for (const seconds of [90, 107, 108, 200, 361, 362, 400]) await both((fleet) => fleet.sweep(at(seconds)));
    assert.deepEqual(await told(), [
      "executor-1 ok: ",
      "executor-1 failing: queue: down",
      "executor-1 ok: ",
      "executor-1 late: no heartbeat for 45 s",
      "executor-1 gone: no heartbeat for 5 min",
    ]);
  });

  it("tells once when another replica decides between this one's look and its change", async () => {
    await one.hear(report(), at(0));
    const state = fleetState();
    const list = async () => {
      const seen = await state.list();
      await one.sweep(at(60));
      return seen;
    };
    await createFleet({ ...state, list }, PATIENCE).sweep(at(61));
    assert.deepEqual(await told(), ["executor-1 ok: ", "executor-1 late: no heartbeat for 45 s"]);
  });

  it("knows what is late without anybody's sweep, also after every monitor has started again", async () => {
    await one.hear(report(), at(0));
    assert.deepEqual([await healthAt(45), await healthAt(46), await healthAt(301)], [["ok"], ["late"], ["gone"]]);
    await two.hear(report({ bootId: "boot-2", bootTime: at(310) }), at(311));
    assert.deepEqual(await healthAt(312), ["ok"]);
  });

  it("is not changed by a report that comes late, repeated, or from a process that was replaced", async () => {
    await one.hear(report({ sequence: 5n, state: InstanceState.DRAINING }), at(10));
    await two.hear(report({ sequence: 4n }), at(11));
    await two.hear(report({ sequence: 5n }), at(12));
    assert.deepEqual(await healthAt(12), ["draining"]);
    await one.hear(report({ bootId: "boot-2", bootTime: at(20) }), at(21));
    await two.hear(report({ sequence: 6n, state: InstanceState.DRAINING }), at(22));
    assert.deepEqual(await healthAt(22), ["ok"]);
  });

  it("takes the report of an instance whose stored one it cannot read, such as after a step back to this release", async () => {
    await redis.client.hset("ccsp:monitor:{0}:fleet", "executor/executor-1", "r1 {}", "executor/executor-2", "r2 {}");
    await both((fleet) => fleet.hear(report(), at(1)));
    assert.deepEqual(await healthAt(2), ["ok"]);
    assert.deepEqual(await told(), ["executor-1 ok: "]);
    await one.sweep(at(100));
    assert.equal(await redis.client.hget("ccsp:monitor:{0}:fleet", "executor/executor-2"), "r2 {}");
  });

  it("lets a stopped instance go at once, without an alert, and a late report does not bring it back", async () => {
    await one.hear(report(), at(0));
    await one.hear(report({ sequence: 3n, state: InstanceState.STOPPED }), at(30));
    await two.hear(report({ sequence: 2n }), at(31));
    assert.deepEqual((await told()).at(-1), "executor-1 gone: stopped");
    const known = await two.list(at(31));
    assert.deepEqual(globalMetrics(known, undefined, at(31)).instances, []);
    assert.deepEqual(await fleetSignals(two, async () => []).read(at(31)), []);
    await both((fleet) => fleet.sweep(at(3_700)));
    assert.deepEqual(await one.list(at(3_700)), []);
  });

  it("counts and reports a process that ended without a stop and runs again before it is late", async () => {
    const crashesAt = async (seconds: number) =>
      (await fleetSignals(two, async () => []).read(at(seconds))).flatMap(({ metric, value }) =>
        metric === "instance_crashes" ? [value] : [],
      );
    await both((fleet) => fleet.hear(report(), at(1)));
    await both((fleet) => fleet.hear(report({ bootId: "boot-2", bootTime: at(10) }), at(11)));
    assert.deepEqual(await crashesAt(12), [1]);
    await one.hear(report({ bootId: "boot-2", bootTime: at(10), sequence: 9n, state: InstanceState.STOPPED }), at(20));
    await one.hear(report({ bootId: "boot-3", bootTime: at(30) }), at(31));
    assert.deepEqual(await crashesAt(32), [1], "the second one had stopped");
    await two.hear(report({ bootId: "boot-4", bootTime: at(40) }), at(41));
    assert.deepEqual(await crashesAt(42), [2]);
    await two.hear(report({ bootId: "boot-4", bootTime: at(40), sequence: 2n }), at(910));
    assert.deepEqual(await crashesAt(912), [1]);
    const rule = DEFAULT_RULES.find(({ metric }) => metric === "instance_crashes");
    assert.deepEqual([rule?.condition, rule?.threshold, rule?.fireAfterMs], [">=", 1, 0]);
  });

  it("reports an executor that crashed and came back under its id, also when its process has another name", async () => {
    const toldAt = async (seconds: number) =>
      (await fleetSignals(two, async () => []).read(at(seconds))).flatMap(({ metric, labels, value }) =>
        metric === "instance_crashes" || (metric === "executor_lost" && value > 0)
          ? [`${metric} ${labels["instance"] ?? labels["executor"]} ${value}`]
          : [],
      );
    const second = { instance: "host-1-200", bootId: "boot-2", bootTime: at(10) };
    await one.hear(report({ instance: "host-1-100" }), at(0));
    await one.hear(report(second), at(11));
    await one.hear(report({ ...second, sequence: 2n }), at(50));
    assert.deepEqual(await toldAt(51), ["instance_crashes host-1-200 1"]);
    const stopped = { ...second, sequence: 3n, state: InstanceState.STOPPED };
    await one.hear(report(stopped), at(60));
    await one.hear(report({ instance: "host-1-300", bootId: "boot-3", bootTime: at(61) }), at(62));
    assert.deepEqual(await toldAt(63), ["instance_crashes host-1-300 1"], "the second one had stopped");
    await one.hear(report({ instance: "host-1-300", bootId: "boot-3", bootTime: at(61), sequence: 2n }), at(910));
    assert.deepEqual(await toldAt(911), []);
    const { matchers = [] } = DEFAULT_RULES.find(({ name }) => name === "instance-crashed") ?? {};
    assert.ok(matches(matchers, { service: "executor", instance: "host-1-200" }));
  });

  it("tells once of a certificate that expires, although its service stops and another process reports", async () => {
    const rule = DEFAULT_RULES.find(({ name }) => name === "certificate-expiry") ?? assert.fail();
    const signals = fleetSignals(two, async () => []);
    let alerts = NO_ALERTS;
    const told: string[] = [];
    const look = async (seconds: number) => {
      const nowMs = at(seconds).getTime();
      const read = await signals.read(at(seconds));
      const judged = judge({
        ...{ rule, before: alerts, nowMs, mostUnseenMs: 120_000, silenced: () => false },
        signals: read.filter(({ metric }) => metric === rule.metric),
      });
      alerts = judged.alerts;
      for (const { labels } of judged.firing) told.push(`firing ${labels["instance"]}`);
      for (const { labels } of judged.resolved) told.push(`resolved ${labels["instance"]}`);
    };
    const certificateExpireTime = at(86_400);
    const boot = (number: number, seconds: number, more = {}) =>
      report({ bootId: `boot-${number}`, bootTime: at(seconds), certificateExpireTime, ...more });
    await one.hear(boot(1, 0), at(1));
    await look(1);
    for (let restart = 1; restart <= 3; restart += 1) {
      const stopped = restart * 700;
      await one.hear(boot(restart, (restart - 1) * 700, { sequence: 2n, state: InstanceState.STOPPED }), at(stopped));
      for (let seconds = 30; seconds < 600; seconds += 30) await look(stopped + seconds);
      await one.hear(boot(restart + 1, restart * 700), at(stopped + 610));
      await look(stopped + 611);
    }
    assert.deepEqual(told, ["firing executor-1"]);
  });

  it("signals when a server of Redis shows a certificate that expires, and asks it at most once a minute", async () => {
    let asked = 0;
    const signals = fleetSignals(two, async () => {
      asked += 1;
      if (asked === 2) throw new Error("Redis is away");
      return [{ server: "redis:6379", expires: at(86_400) }];
    });
    const of = (value: number) => [
      { metric: "certificate_expires_seconds", labels: { service: "redis", instance: "redis:6379" }, value },
    ];
    assert.deepEqual([await signals.read(at(0)), await signals.read(at(59))], [of(86_400), of(86_341)]);
    assert.deepEqual([await signals.read(at(60)), await signals.read(at(120))], [[], of(86_280)]);
  });

  it("judges by the clock of Redis, so that monitors whose own clocks differ agree", async () => {
    const open = () =>
      openFleet({
        ...{
          redis,
          queue: { getStatus: () => Promise.reject(new Error("none")) },
          patience: PATIENCE,
          log,
        },
        ...{
          count: async () => {},
          own: { heartbeat: { read: () => assert.fail("not asked"), add: () => assert.fail("not asked") }, everyMs: 0 },
        },
      });
    const Own = globalThis.Date;
    /** A host whose clock is an hour behind. */
    class Behind extends Own {
      constructor(...args: [] | [number | string | Date]) {
        super(...((args.length === 0 ? [Own.now() - 3_600_000] : args) as [number]));
      }
      static override now = () => Own.now() - 3_600_000;
    }
    const call = Object.create(null);
    try {
      globalThis.Date = Behind as DateConstructor;
      await open().handlers.heartbeat(heartbeatOf(report()), call);
    } finally {
      globalThis.Date = Own;
    }
    const { instances } = await open().handlers.getGlobalMetrics({}, call);
    assert.deepEqual(
      instances.map(({ health, reportTime }) => [health, Math.abs(reportTime!.getTime() - Own.now()) < 1_800_000]),
      [["ok", true]],
    );
    assert.deepEqual(
      (await open().signals.read(new Date()))
        .filter(({ metric }) => metric === "instance_late")
        .map(({ value }) => value),
      [0],
    );
  });

  it("signals a lost executor until it is back under its id, and for an hour at most", async () => {
    const lostAt = async (seconds: number) =>
      (await fleetSignals(two, async () => []).read(at(seconds))).filter(({ metric }) => metric === "executor_lost");
    const lost = (value: number) => [{ metric: "executor_lost", labels: { executor: "executor-1" }, value }];
    await one.hear(report({ instance: "host-1-100" }), at(0));
    assert.deepEqual(await lostAt(30), lost(0));
    assert.deepEqual([await lostAt(60), await lostAt(1_000)], [lost(1), lost(1)]);
    await one.hear(report({ instance: "host-1-200", bootId: "boot-2", bootTime: at(1_001) }), at(1_002));
    assert.deepEqual(await lostAt(1_003), lost(0));
    await one.sweep(at(4_000));
    assert.deepEqual(await lostAt(4_000), lost(1));
    await one.sweep(at(5_000));
    assert.deepEqual(await lostAt(5_000), []);
    // One alert reports it: the rule of late instances leaves executors out.
    const { matchers = [] } = DEFAULT_RULES.find(({ name }) => name === "instance-late") ?? {};
    const late = (service: string) => matches(matchers, { service, instance: "i" });
    assert.deepEqual([late("executor"), late("queue")], [false, true]);
  });

  it("sums up the instances, with each version that runs, and what late executors hold is not counted", async () => {
    await one.hear(report(), at(0));
    await one.hear(
      report({ instance: "executor-2", version: "0.2.9", executor: { executorId: "executor-2" } }),
      at(40),
    );
    const queue = GetStatusResponse.fromPartial({ depths: [{ waiting: 3n }, { waiting: 4n }], leased: 2n, parked: 1n });
    const summed = globalMetrics(await two.list(at(41)), queue, at(41));
    assert.deepEqual(
      [summed.activeRuns, summed.slots, summed.queue?.waiting, summed.services],
      [
        ...[3, 4, 7n],
        [
          {
            service: "executor",
            instances: 2,
            notOk: 0,
            versions: ["0.2.9", "0.3.0"],
            processCpus: 1,
            memoryBytes: 200n,
          },
        ],
      ],
    );
    assert.deepEqual(globalMetrics(await two.list(at(60)), queue, at(60)).activeRuns, 0);
  });

  it("has at most 1,000 instances, whoever invents more", async () => {
    const filler = Buffer.from(InstanceReport.encode(report()).finish()).toString("base64");
    const entry = JSON.stringify({ report: filler, receivedMs: START, sinceMs: START, health: "ok", why: "" });
    for (let n = 0; n < 1_000; n += 1) await redis.client.hset("ccsp:monitor:{0}:fleet", `executor/${n}`, `r ${entry}`);
    await assert.rejects(one.hear(report({ instance: "one-more" }), at(1)), /more than 1000 instances/);
    await one.hear(report({ instance: "7", bootId: "b", bootTime: at(1) }), at(2));
  });
});

describe("a heartbeat", () => {
  const heartbeat = (more: Partial<HeartbeatRequest> = {}): HeartbeatRequest => ({
    report: report(),
    callBounds: [0.1, 0.2],
    calls: [],
    starts: [],
    ...more,
  });

  it("is refused when it is not about the service of the caller's certificate", () => {
    assert.throws(() => checkHeartbeat(heartbeat(), "gateway"), /report\.service is not the service/);
    checkHeartbeat(heartbeat(), "executor");
    checkHeartbeat(heartbeat(), undefined);
  });

  it("is refused with the field that is wrong", () => {
    const call = { method: "/a/B", ok: [], unavailable: 0n, faults: 0n, total: 0n };
    const faults: readonly (readonly [Partial<HeartbeatRequest>, RegExp])[] = [
      [{ report: undefined }, /report is missing/],
      [{ report: report({ service: "shop" }) }, /report\.service/],
      [{ report: report({ instance: "a\nb" }) }, /report\.instance/],
      [{ report: report({ sequence: 0n }) }, /report\.sequence/],
      [{ report: report({ bootTime: new Date(Number.NaN) }) }, /report\.boot_time is not a time/],
      [{ report: report({ certificateExpireTime: new Date(Number.NaN) }) }, /certificate_expire_time is not a time/],
      [{ report: report({ bootTime: new Date(8e15) }) }, /report\.boot_time is not in the years/],
      [
        { report: report({ certificateExpireTime: new Date(Date.UTC(200_000, 0)) }) },
        /certificate_expire_time is not in the years/,
      ],
      [{ report: report({ certificateExpireTime: new Date(0) }) }, /certificate_expire_time is not in the years/],
      [{ report: report({ uptime: toDuration(-1) }) }, /report\.uptime must be/],
      [{ report: report({ resources: { processCpus: Number.NaN } }) }, /resources\.process_cpus must be 0 to/],
      [{ report: report({ resources: { memoryShare: Infinity } }) }, /resources\.memory_share must be a share/],
      [{ report: report({ resources: { diskFreeShare: -1 } }) }, /resources\.disk_free_share must be a share/],
      [{ report: report({ resources: { hostCpuShare: 1e9 } }) }, /resources\.host_cpu_share must be a share/],
      [{ report: report({ resources: { memoryBytes: -1n } }) }, /resources\.memory_bytes is negative/],
      [
        { report: report({ executor: { executorId: "e", engines: [{ running: -1 }] } }) },
        /executor\.engines has a number/,
      ],
      [{ callBounds: [0.2, 0.1] }, /call_bounds/],
      [{ callBounds: [0.2, Infinity] }, /call_bounds/],
      [{ calls: [{ ...call, ok: [1n] }] }, /calls\.ok/],
      [{ calls: [{ ...call, total: -1n }] }, /calls has a count/],
      [{ starts: [{ class: "", inTime: 0n, late: 0n }] }, /starts\.class/],
    ];
    for (const [wrong, field] of faults) assert.throws(() => checkHeartbeat(heartbeat(wrong), undefined), field);
  });
});

describe("the stream of the fleet's metrics", () => {
  it("begins with the metrics, sends only changes, and skips what a slow reader has missed", async () => {
    let runs = 1;
    let reads = 0;
    let nowMs = 0;
    const feed = createMetricsFeed(
      async () => {
        reads += 1;
        return { time: new Date(nowMs), instances: [], services: [], activeRuns: runs, slots: 4, queue: undefined };
      },
      { nowMs: () => nowMs, pause: async () => void (nowMs += 2_000) },
    );
    const leave = new AbortController();
    const [fast, slow] = [feed(leave.signal), feed(leave.signal)];
    const next = async (stream: typeof fast) => (await stream.next()).value?.activeRuns;
    assert.deepEqual([await next(fast), await next(slow), reads], [1, 1, 1]);
    runs = 2;
    assert.equal(await next(fast), 2);
    runs = 3;
    assert.equal(await next(fast), 3);
    assert.equal(await next(slow), 3);
    leave.abort();
    assert.deepEqual(await fast.next(), { done: true, value: undefined });
  });
});
