import assert from "node:assert/strict";
import { load } from "@ccsp/config";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import {
  ExportUsageRequest,
  GetTimeSeriesRequest,
  GetUsageRequest,
} from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import * as fc from "fast-check";
import { pino } from "pino";
import { define } from "../src/config.js";
import { exportUsage } from "../src/usage/domain/export-usage.js";
import { isUtc, localDays } from "../src/usage/domain/local-days.js";
import { localDate } from "../src/usage/domain/period.js";
import type { Run } from "../src/usage/domain/run.js";
import { reportTimeSeries } from "../src/usage/domain/time-series.js";
import { reportUsage } from "../src/usage/domain/usage-report.js";
import { DAY_MS, HOUR_MS, type UsageStore } from "../src/usage/domain/usage-store.js";
import { usageHandlers } from "../src/usage/handlers.js";
import { createRedisClaimStore } from "../src/usage/redis/redis-claim-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { textsOf } from "./any-run.js";

const ZONES = [
  ...["Asia/Tokyo", "Europe/Berlin", "America/New_York", "America/Havana", "Pacific/Apia"],
  ...["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"],
];
/** Clocks change within the 90 days before it, in many of the zones: in Berlin on 2026-03-29. */
const now = new Date("2026-05-10T10:30:00Z");
const hour = (text: string): number => Date.parse(`${text}:00Z`);

describe("usage by the days of a time zone", function () {
  this.timeout(120_000);
  let server: RedisServer;
  let redis: RedisConnection;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });
  beforeEach(() => redis.client.flushall());

  const storeOf = (at = now) =>
    createRedisUsageStore(redis.client, { partitions: 1, maxRows: 1_000, ledgerDays: 0, now: () => at.getTime() });
  const record = async (store: UsageStore, ends: readonly number[]): Promise<void> => {
    const row = { agent: "a", engine: "e", account: "", model: "m", priority: "", label: "" };
    const runs = ends.map(
      (end, at): Run => ({
        ...{ id: `0-${at} result`, partition: 0, taskId: `0-${at}`, traceparent: "", endTime: new Date(end), row },
        ...{ outcome: "succeeded", tokens: undefined, costMicroUsd: 1, runMs: undefined, waitMs: undefined },
      }),
    );
    await Promise.all(runs.map((run) => store.record(run)));
  };
  const seriesOf = async (store: UsageStore, timeZone: string, [from, to]: readonly [number, number], days = 1) => {
    const range = { start: new Date(from), end: new Date(to), timeZone };
    const query = { ...range, groupBy: [], filter: {}, stepMs: days * DAY_MS, maxSeries: 0 };
    const found = await reportTimeSeries(store, query, now);
    const points = [...(found.series[0]?.points ?? [])].map(([at, { runs }]) => [new Date(at).toISOString(), runs]);
    return { ...found, points };
  };
  const usageOf = async (store: UsageStore, timeZone: string, [from, to]: readonly [number, number]) => {
    const query = { start: new Date(from), end: new Date(to), timeZone, groupBy: [], filter: {} };
    return (await reportUsage(store, query, now)).rows[0]?.counts.runs ?? 0;
  };
  const refusalOf = async (work: Promise<unknown>): Promise<{ field: string; description: string }> => {
    const error: unknown = await work.then(
      () => assert.fail("was not refused"),
      (reason: unknown) => reason,
    );
    const { reason, fields } = Object(error);
    assert.equal(reason, "INVALID_FIELD", String(error));
    assert.equal(fields.length, 1);
    return fields[0];
  };

  it("begins a day of Tokyo at 15:00 UTC, in series, sums and exports", async () => {
    const store = storeOf();
    await record(store, [hour("2026-05-01T14:59"), hour("2026-05-01T15:00"), hour("2026-05-02T14:59")]);
    const range = [hour("2026-04-30T15:00"), hour("2026-05-02T15:00")] as const;
    const { points, start, end, steps } = await seriesOf(store, "Asia/Tokyo", range);
    assert.deepEqual(points, [
      ["2026-04-30T15:00:00.000Z", 1],
      ["2026-05-01T15:00:00.000Z", 2],
    ]);
    assert.deepEqual([start, end, steps], [...range, 2]);
    assert.equal(await usageOf(store, "Asia/Tokyo", [hour("2026-05-01T15:00"), hour("2026-05-02T15:00")]), 2);
    const day = { start: new Date(range[0]), end: new Date(range[1]), timeZone: "Asia/Tokyo", filter: {} };
    const csv = await textsOf(exportUsage(store, { ...day, stepMs: DAY_MS, format: "csv" }, now));
    assert.deepEqual(
      csv.slice(1).map((line) => line.split(",").filter((_, at) => at === 0 || at === 7)),
      [
        ["2026-05-01T00:00:00+09:00", "1"],
        ["2026-05-02T00:00:00+09:00", "2"],
      ],
    );
  });

  for (const [what, date, [from, to], hours, offset] of [
    ["23 hours", "2026-03-29", ["2026-03-28T23:00", "2026-03-29T22:00"], 23, "+01:00"],
    ["25 hours", "2026-10-25", ["2026-10-24T22:00", "2026-10-25T23:00"], 25, "+02:00"],
  ] as const) {
    it(`has a day of ${what} in Berlin where clocks change`, async () => {
      const later = new Date(hour(to) + 5 * DAY_MS);
      const store = storeOf(later);
      const [first, next] = [hour(from), hour(to)];
      const ends = Array.from({ length: hours + 2 }, (_, at) => first + (at - 1) * HOUR_MS + 60_000);
      await record(store, ends);
      const range = { start: new Date(first - DAY_MS), end: new Date(next + 1), timeZone: "Europe/Berlin" };
      const query = { ...range, groupBy: [], filter: {}, stepMs: DAY_MS, maxSeries: 0 };
      const { series, steps } = await reportTimeSeries(store, query, later);
      assert.deepEqual(
        [...(series[0]?.points ?? [])].map(([at, { runs }]) => [localDate("Europe/Berlin", at), runs]).slice(1, 2),
        [[date, hours]],
      );
      assert.equal(steps, 3);
      const day = { start: new Date(first), end: new Date(next), timeZone: "Europe/Berlin", filter: {} };
      const lines = (await textsOf(exportUsage(store, { ...day, stepMs: DAY_MS, format: "json-lines" }, later))).join(
        "",
      );
      const { start_time: time, runs } = JSON.parse(lines);
      assert.deepEqual([time, runs], [`${date}T00:00:00${offset}`, hours]);
    });
  }

  it("counts an hour for the day in which it begins, where clocks differ from UTC by half an hour", async () => {
    const store = storeOf();
    // Midnight in India is 18:30 UTC. The hour from 18:00 on begins at 23:30.
    await record(store, [hour("2026-05-01T18:45"), hour("2026-05-01T19:00")]);
    const midnights = [hour("2026-04-30T18:30"), hour("2026-05-01T18:30"), hour("2026-05-02T18:30")] as const;
    const { points } = await seriesOf(store, "Asia/Kolkata", [midnights[0], midnights[2]]);
    assert.deepEqual(points, [
      ["2026-04-30T18:30:00.000Z", 1],
      ["2026-05-01T18:30:00.000Z", 1],
    ]);
    assert.equal(await usageOf(store, "Asia/Kolkata", [midnights[0], midnights[1]]), 1);
    assert.equal(await usageOf(store, "Asia/Kolkata", [midnights[1], midnights[2]]), 1);
  });

  it("has in its days together what its hours have together, in every zone, also in steps of several days", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 85 * 24 * 60 }), { minLength: 1, maxLength: 60 }),
        fc.constantFrom(...ZONES),
        fc.integer({ min: 0, max: 80 }),
        fc.constantFrom(1, 2, 7),
        async (minutes, timeZone, back, days) => {
          await redis.client.flushall();
          const store = storeOf();
          const ends = minutes.map((ago) => now.getTime() - ago * 60_000);
          await record(store, ends);
          const { points, start, end } = await seriesOf(
            store,
            timeZone,
            [now.getTime() - back * DAY_MS - 1, now.getTime() + 1],
            days,
          );
          const sum = points.reduce((total, [, runs]) => total + Number(runs), 0);
          // Said in another way: the local date of the hour in which a run ended is one of the range.
          const dates = [localDate(timeZone, start), localDate(timeZone, end - 1)] as const;
          const inRange = ends.filter((at) => {
            const date = localDate(timeZone, Math.floor(at / HOUR_MS) * HOUR_MS);
            return date >= dates[0] && date <= dates[1];
          });
          assert.equal(sum, inRange.length);
          assert.equal(await usageOf(store, timeZone, [start, end]), inRange.length);
          const day = { start: new Date(start), end: new Date(end), timeZone, filter: {} };
          const lines = await textsOf(exportUsage(store, { ...day, stepMs: DAY_MS, format: "json-lines" }, now));
          const exported = lines.map((line) => Number(JSON.parse(line).runs)).reduce((total, runs) => total + runs, 0);
          assert.equal(exported, inRange.length);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("refuses days before the hours with the oldest whole day, from which on it answers, and keeps answering for UTC", async () => {
    const store = storeOf();
    // The oldest hour is 10:00 UTC of 2026-02-09, so the day of Tokyo that began at 15:00 UTC of it is the oldest.
    const old = [hour("2026-02-09T09:00"), now.getTime()] as const;
    const { field, description } = await refusalOf(seriesOf(store, "Asia/Tokyo", old));
    assert.equal(field, "start_time");
    assert.match(
      description,
      /^is before the oldest day of Asia\/Tokyo, 2026-02-10: .* 90 days; .* the time zone UTC$/,
    );
    const again = [hour("2026-02-09T15:00"), now.getTime()] as const;
    assert.equal((await seriesOf(store, "Asia/Tokyo", again)).steps, 90);
    assert.match(
      (await refusalOf(seriesOf(store, "Asia/Tokyo", [hour("2026-02-09T14:59"), old[1]]))).description,
      /02-10/,
    );
    assert.match((await refusalOf(usageOf(store, "Asia/Tokyo", old))).description, /2026-02-10/);
    const day = { start: new Date(old[0]), end: now, timeZone: "Asia/Tokyo", filter: {}, format: "csv" } as const;
    const exported = textsOf(exportUsage(store, { ...day, stepMs: DAY_MS }, now));
    assert.match((await refusalOf(exported)).description, /2026-02-10/);
    for (const utc of ["UTC", "Etc/UTC"]) {
      const year = [hour("2025-06-01T00:00"), now.getTime()] as const;
      assert.equal((await seriesOf(store, utc, year)).steps, 344);
      assert.equal(await usageOf(store, utc, year), 0);
    }
  });

  it("begins at the oldest whole day when the range has no start and its steps go further back", async () => {
    const store = storeOf();
    const seriesFor = (days: number, timeZone: string, end?: Date) => {
      const query = { start: undefined, end, timeZone, groupBy: [], filter: {}, stepMs: days * DAY_MS, maxSeries: 0 };
      return reportTimeSeries(store, query, now);
    };
    for (const [days, steps] of [
      [2, 45],
      [7, 13],
      [30, 3],
      [731, 1],
    ] as const) {
      const found = await seriesFor(days, "Asia/Tokyo");
      assert.deepEqual([found.start, found.steps], [hour("2026-02-09T15:00"), steps], `${days} days`);
    }
    assert.equal((await seriesFor(1, "Asia/Tokyo")).start, hour("2026-03-10T15:00"));
    const old = seriesFor(2, "Asia/Tokyo", new Date(hour("2026-02-09T15:00")));
    assert.match((await refusalOf(old)).description, /2026-02-10/);
  });

  it("searches no days later than a day from now, however long the range is", async () => {
    const store = storeOf();
    const far = now.getTime() + 600 * DAY_MS;
    const { start, end, steps } = await seriesOf(store, "Asia/Tokyo", [now.getTime(), far]);
    assert.deepEqual([start, end, steps], [hour("2026-05-09T15:00"), hour("2026-05-11T15:00"), 2]);
    const ahead = await seriesOf(store, "Asia/Tokyo", [far, far + 90 * DAY_MS]);
    assert.deepEqual([ahead.points, ahead.steps, ahead.end - ahead.start], [[], 1, DAY_MS]);
    assert.equal([...localDays("Asia/Tokyo", { start: now.getTime(), end: far }, now.getTime())].length, 2);
  });

  it("exports the same hours in every zone", async () => {
    const store = storeOf();
    // Midnight in India is 18:30 UTC.
    await record(store, [hour("2026-05-01T18:10"), hour("2026-05-01T19:10")]);
    const range = { start: new Date(hour("2026-05-01T18:30")), end: now, filter: {}, format: "csv" } as const;
    const exported = (timeZone: string) => textsOf(exportUsage(store, { ...range, timeZone, stepMs: HOUR_MS }, now));
    const utc = await exported("UTC");
    assert.equal(utc.length, 3);
    for (const timeZone of ZONES) assert.deepEqual(await exported(timeZone), utc, timeZone);
  });

  it("is UTC under each of its names", () => {
    for (const name of ["UTC", "UCT", "Universal", "Zulu", "GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich"])
      for (const zone of [name, `Etc/${name}`, name.toLowerCase()]) assert.equal(isUtc(zone), true, zone);
    for (const zone of ["Etc/GMT+1", "Europe/London", "Africa/Abidjan", "WET"]) assert.equal(isUtc(zone), false, zone);
  });

  describe("in the calls", () => {
    const handlers = (timeZone: string) =>
      usageHandlers({
        ...{ store: storeOf(), claims: createRedisClaimStore(redis.client), gapsIn: async () => [] },
        ...{ allowedLabels: [], ledgerDays: 90, timeZone },
      });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the handlers read only the request
    const call = {} as never;
    const step = { seconds: 86_400n, nanos: 0 };

    it("is the zone of the request, else that of the settings, and the answer says which", async () => {
      const { getUsage, getTimeSeries } = handlers("Asia/Tokyo");
      const series = (timeZone: string) =>
        getTimeSeries(
          GetTimeSeriesRequest.fromPartial({ timeZone, step, startTime: new Date(Date.now() - DAY_MS) }),
          call,
        );
      const zonesOf = async (timeZone: string) => [
        (await getUsage(GetUsageRequest.fromPartial({ timeZone }), call)).timeZone,
        (await series(timeZone)).timeZone,
        (await series(timeZone)).startTime?.getUTCHours(),
      ];
      assert.deepEqual(await zonesOf(""), ["Asia/Tokyo", "Asia/Tokyo", 15]);
      assert.deepEqual(await zonesOf("UTC"), ["UTC", "UTC", 0]);
    });

    it("refuses a setting that is not a time zone", () => {
      assert.equal(load({}, define).config.timeZone, "UTC");
      assert.equal(load({ CCSP_MONITOR_TIME_ZONE: "Asia/Tokyo" }, define).config.timeZone, "Asia/Tokyo");
      assert.throws(
        () => load({ CCSP_MONITOR_TIME_ZONE: "Asia/Kyoto" }, define),
        /CCSP_MONITOR_TIME_ZONE is not the IANA/,
      );
    });

    it("refuses an unknown zone with its field", async () => {
      const { getUsage, getTimeSeries, exportUsage: exported } = handlers("UTC");
      const timeZone = "Asia/Kyoto";
      const drained = async () => {
        for await (const _ of exported(ExportUsageRequest.fromPartial({ timeZone }), call)) assert.fail("has rows");
      };
      for (const work of [
        Promise.resolve(getUsage(GetUsageRequest.fromPartial({ timeZone }), call)),
        Promise.resolve(getTimeSeries(GetTimeSeriesRequest.fromPartial({ timeZone }), call)),
        drained(),
      ])
        assert.equal((await refusalOf(work)).field, "time_zone");
    });
  });
});
