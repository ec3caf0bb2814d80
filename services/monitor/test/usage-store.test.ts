import assert from "node:assert/strict";
import { eventsKey } from "@ccsp/events";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { openRedis, type RedisConnection } from "@ccsp/redis-kit";
import * as fc from "fast-check";
import { pino } from "pino";
import { reportAgents } from "../src/usage/domain/agent-stats.js";
import { type Counts, noCounts } from "../src/usage/domain/counts.js";
import { exportUsage } from "../src/usage/domain/export-usage.js";
import { type OutsideWork, recordWork } from "../src/usage/domain/record-usage.js";
import { DIMENSIONS, type Dimension, type Run } from "../src/usage/domain/run.js";
import { reportTimeSeries } from "../src/usage/domain/time-series.js";
import { reportUsage } from "../src/usage/domain/usage-report.js";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../src/usage/domain/usage-store.js";
import { createRedisClaimStore } from "../src/usage/redis/redis-claim-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { anyRun, now, textsOf } from "./any-run.js";
import { PlainSums } from "./synthetic.js";

describe("the usage store", function () {
  this.timeout(60_000);
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

  const storeOf = (maxRows = 1_000) =>
    createRedisUsageStore(redis.client, { partitions: 2, maxRows, ledgerDays: 90, now: () => now.getTime() });
  const sumOf = (all: Iterable<readonly [string, Readonly<Counts>]>) =>
    Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  const all = { start: new Date(now.getTime() - 60 * DAY_MS), end: now, filter: {} };

  it("answers every range and grouping as a plain recomputation of the runs does, each id counted once", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRun, { minLength: 1, maxLength: 60 }),
        fc.subarray([...DIMENSIONS]),
        fc.integer({ min: 1, max: 41 * 24 }),
        async (runs, groupBy, hours) => {
          await redis.client.flushall();
          const store = storeOf();
          const unique = new Map(runs.map((run) => [run.id, run]));
          const start = new Date(Date.parse("2026-03-01T11:00:00Z") - hours * HOUR_MS);
          const plain = new PlainSums(groupBy, 100_000 * DAY_MS);
          const recorded = [...unique.values()].map(async (run) => {
            if (run.endTime >= start) plain.add(run);
            return Promise.all([store.record(run), store.record({ ...run, outcome: "failed" })]);
          });
          for (const outcomes of await Promise.all(recorded)) assert.deepEqual(outcomes, ["ok", "repeat"]);
          for (const run of unique.values()) assert.equal(await store.record(run), "repeat");
          const { rows } = await reportUsage(store, { start, end: now, groupBy, filter: {} }, now);
          assert.deepEqual(sumOf(rows.map(({ row, counts }) => [plain.key(0, row), counts])), sumOf(plain.all));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("answers time series by day, hour and minute as a plain recomputation does", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anyRun, { minLength: 1, maxLength: 40, selector: ({ id }) => id }),
        fc.constantFrom(MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS),
        fc.option(fc.constantFrom(...DIMENSIONS), { nil: undefined }),
        async (runs, stepMs, dimension) => {
          await redis.client.flushall();
          const store = storeOf();
          const groupBy: Dimension[] = dimension === undefined ? [] : [dimension];
          const days = stepMs < HOUR_MS ? 1 : 40;
          const start = new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS - days * DAY_MS);
          const plain = new PlainSums(groupBy, stepMs);
          for (const run of runs) {
            await store.record(run);
            if (run.endTime >= start) plain.add(run);
          }
          // A run may have ended just now, and the end of a range is not in it.
          const end = new Date(now.getTime() + 1);
          const query = { start, end, groupBy, filter: {}, stepMs, maxSeries: 100 };
          const { series } = await reportTimeSeries(store, query, now);
          const points = series.flatMap(({ row, points: of }) =>
            [...of].map(([at, counts]) => [plain.key(at, row), counts] as const),
          );
          assert.deepEqual(sumOf(points), sumOf(plain.all));
        },
      ),
      { numRuns: 25 },
    );
  });

  const run = (fields: Partial<Run> & { readonly agent?: string; readonly model?: string } = {}): Run => ({
    id: "0-t result",
    partition: 0,
    taskId: "0-t",
    traceparent: "",
    endTime: now,
    row: { agent: fields.agent ?? "a", engine: "e", account: "", model: fields.model ?? "m", priority: "", label: "" },
    outcome: "succeeded",
    tokens: undefined,
    costMicroUsd: undefined,
    runMs: undefined,
    waitMs: undefined,
    ...fields,
  });

  it("stores of runs that are recorded at once what it stores of them one by one, also beyond the bound", async () => {
    const stored = async (): Promise<Record<string, unknown>> => {
      const keys = (await redis.client.keys("ccsp:*")).filter((key) => !/:(seen|events|ledger):/.test(key)).toSorted();
      const attempts: unknown[] = [];
      for await (const some of storeOf().readAttempts(Math.floor(now.getTime() / DAY_MS) * DAY_MS))
        attempts.push(...some);
      const hashes = await Promise.all(keys.map(async (key) => [key, await redis.client.hgetall(key)] as const));
      return { ...Object.fromEntries(hashes), attempts };
    };
    // Runs of one minute keep their order, which decides who gets the last rows of a bucket.
    const numbered = (runs: Run[]): Run[] =>
      runs.map((each, at) => ({ ...each, id: `0-${at} result`, endTime: now, partition: 0 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRun, { minLength: 1, maxLength: 60 }).map(numbered),
        fc.integer({ min: 2, max: 12 }),
        async (runs, maxRows) => {
          await redis.client.flushall();
          for (const each of runs) await storeOf(maxRows).record(each);
          const oneByOne = await stored();
          await redis.client.flushall();
          const store = storeOf(maxRows);
          await Promise.all(runs.map((each) => store.record(each)));
          assert.deepEqual(await stored(), oneByOne);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("counts a repeat over midnight once", async () => {
    const store = storeOf();
    const midnight = Date.parse("2026-03-01T00:00:00Z");
    assert.equal(await store.record(run({ endTime: new Date(midnight) })), "ok");
    for (const off of [-1, 1, DAY_MS])
      assert.equal(await store.record(run({ endTime: new Date(midnight + off) })), "repeat");
  });

  it("reports each counted attempt once, with what is unknown left out", async () => {
    const store = storeOf();
    await store.record(run({ costMicroUsd: 0 }));
    await store.record(run({ costMicroUsd: 0 }));
    const entries = await redis.client.xrange(eventsKey(0), "-", "+");
    assert.deepEqual(
      entries.map(([, fields]) => fields.slice(0, 2)),
      [["type", "usage.recorded"]],
    );
    const fields = entries[0]?.[1] ?? [];
    assert.deepEqual(JSON.parse(fields[fields.indexOf("data") + 1] ?? ""), {
      attemptId: "0-t result",
      engine: "e",
      model: "m",
      outcome: "succeeded",
      outcomeEnum: "OUTCOME_SUCCEEDED",
      costUsd: 0,
    });
  });

  it("bounds the rows of a bucket, sums the rest as other, and hides no agent behind another's models", async () => {
    const store = storeOf(20);
    let id = 0;
    const record = (of: Parameters<typeof run>[0]) => store.record(run({ ...of, id: `0-${(id += 1)} result` }));
    for (let n = 0; n < 100; n += 1) await record({ agent: "hostile", model: `model-${n}` });
    for (let n = 0; n < 5; n += 1) await record({ agent: `honest-${n}`, model: "m" });
    const by = async (groupBy: Dimension[]) => (await reportUsage(store, { ...all, groupBy }, now)).rows;
    const agents = (await by(["agent"])).map(({ row, counts }) => [row.agent, counts.runs]);
    assert.deepEqual(agents, [...[0, 1, 2, 3, 4].map((n) => [`honest-${n}`, 1]), ["hostile", 100]]);
    for (let n = 0; n < 100; n += 1) await record({ agent: `stranger-${n}` });
    const rows = await by(["agent", "model"]);
    assert.ok(rows.length <= 21, `rows: ${rows.length}`);
    assert.equal(
      rows.reduce((sum, { counts }) => sum + counts.runs, 0),
      205,
    );
    assert.ok(rows.some(({ row }) => row.agent === "other" && row.model === "other"));
    for (const key of await redis.client.keys("ccsp:*:{0}:*")) {
      if ((await redis.client.type(key)) === "hash") assert.ok((await redis.client.hlen(key)) <= 21, key);
      assert.ok((await redis.client.pttl(key)) > 0, key);
    }
  });

  it("keeps the newest end, the active days and the sums of each agent", async () => {
    const store = storeOf();
    const yesterday = new Date(now.getTime() - DAY_MS);
    await store.record(run({ id: "1", costMicroUsd: 5 }));
    await store.record(run({ id: "2", endTime: new Date(now.getTime() - 1_000), outcome: "failed" }));
    await store.record(run({ id: "3", endTime: yesterday, partition: 1 }));
    await store.record(run({ id: "4", agent: "b", endTime: yesterday }));
    const [a, b, ...others] = await reportAgents(store, { agent: "", days: 0 }, now);
    assert.deepEqual(others, []);
    assert.deepEqual([a?.agent, a?.counts.runs, a?.counts.failed, a?.activeDays], ["a", 3, 1, 2]);
    assert.equal(a?.lastEndMs, now.getTime());
    assert.deepEqual([b?.agent, b?.counts.runs], ["b", 1]);
    const today = await reportAgents(store, { agent: "a", days: 1 }, now);
    assert.deepEqual(
      today.map(({ agent, counts }) => [agent, counts.runs]),
      [["a", 2]],
    );
  });

  it("reads what 0.2.0 stored, in hours, days, time series and exports, beside what is new", async () => {
    const hour = new Date(now.getTime() - 3 * DAY_MS).toISOString().slice(0, 13);
    const sums = { runs: 3, failed_runs: 1, input_tokens: 7, cost_micro_usd: 250_000, runs_without_cost: 1 };
    for (const [name, value] of Object.entries(sums))
      await redis.client.hincrby(`ccsp:usage:{${hour}}:sums`, `["a b","m"] ${name}`, value);
    const store = storeOf();
    await store.record(run({ agent: "a b", endTime: new Date(`${hour}:10:00Z`), costMicroUsd: 1 }));
    const { rows } = await reportUsage(store, { ...all, groupBy: ["agent", "model"] }, now);
    const counts = {
      ...noCounts(),
      runs: 4,
      failed: 1,
      input: 7,
      costMicroUsd: 250_001,
      withoutCost: 1,
      withoutUsage: 1,
    };
    assert.deepEqual(
      rows.map(({ row, counts: of }) => [row.agent, row.model, of]),
      [["a b", "m", counts]],
    );
    const series = await reportTimeSeries(store, { ...all, groupBy: [], stepMs: HOUR_MS, maxSeries: 0 }, now);
    assert.deepEqual([...(series.series[0]?.points.values() ?? [])], [counts]);
    const lines = await textsOf(exportUsage(store, { ...all, stepMs: DAY_MS, format: "json-lines" }, now));
    assert.equal(lines.join("").trim().split("\n").length, 2);
  });

  it("exports CSV that spreadsheets do not run, and JSON lines, oldest first", async () => {
    const store = storeOf();
    await store.record(run({ id: "1", agent: '=cmd|" /C calc"!A0', costMicroUsd: 5 }));
    await store.record(run({ id: "2", endTime: new Date(now.getTime() - 2 * HOUR_MS) }));
    const day = { start: undefined, end: now, filter: {}, stepMs: HOUR_MS };
    const csv = (await textsOf(exportUsage(store, { ...day, format: "csv" }, now))).join("");
    const [head = "", first = "", second = "", end] = csv.split("\r\n");
    assert.match(head, /^start_time,agent,engine,account,model,priority,label,runs,.*cost_micro_usd/);
    assert.match(first, /^2026-03-01T08:00:00.000Z,a,e,,m,,,1,/);
    assert.ok(second.startsWith(`2026-03-01T10:00:00.000Z,"'=cmd|"" /C calc""!A0",e,`), second);
    assert.equal(end, "");
    const json = (await textsOf(exportUsage(store, { ...day, format: "json-lines" }, now))).join("");
    const documents = json
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      documents.map(({ agent, runs, cost_micro_usd: cost }) => [agent, runs, cost]),
      [
        ["a", 1, 0],
        ['=cmd|" /C calc"!A0', 1, 5],
      ],
    );
  });

  describe("records of work outside CCSP", () => {
    const record = (...works: readonly Partial<OutsideWork>[]) =>
      recordWork(
        { store: storeOf(), claims: createRedisClaimStore(redis.client) },
        works.map((work) => ({
          ...{ requestId: "1", agent: "a", engine: "e", account: "", model: "", priority: "", labels: {} },
          ...{ endTime: undefined, outcome: "succeeded" as const, tokens: undefined, costUsd: 1, runMs: undefined },
          ...work,
        })),
        { allowedLabels: [], prefixOf: (at) => `records[${at}].`, now },
      );
    const runs = async () => (await reportUsage(storeOf(), { ...all, groupBy: [] }, now)).rows[0]?.counts.runs;

    it("count each id of an agent once, and say when it is used again for another record", async () => {
      assert.deepEqual(await record({ agent: "a", requestId: "b c" }, { agent: "a b", requestId: "c" }), [
        "counted",
        "counted",
      ]);
      const labels = { one: "1", two: "2" };
      const endTime = new Date(now.getTime() - 5 * DAY_MS);
      assert.deepEqual(await record({ labels }, { labels: { two: "2", one: "1" } }, { labels, costUsd: 2 }), [
        "counted",
        "repeat",
        "conflict",
      ]);
      assert.deepEqual(await record({ labels, endTime }), ["conflict"]);
      assert.deepEqual(await record({ requestId: "2", endTime }, { requestId: "2", endTime }), ["counted", "repeat"]);
      assert.equal(await runs(), 4);
    });

    it("are counted after a caller or a monitor that died between the claim and the count", async () => {
      const died = { record: () => Promise.reject(new Error("died")) };
      const work = { requestId: "1", agent: "a", engine: "e", account: "", model: "", priority: "", labels: {} };
      const about = {
        endTime: undefined,
        outcome: "succeeded",
        tokens: undefined,
        costUsd: 1,
        runMs: undefined,
      } as const;
      const options = { allowedLabels: [], prefixOf: () => "", now: new Date(now.getTime() - MINUTE_MS) };
      const claims = createRedisClaimStore(redis.client);
      await assert.rejects(recordWork({ store: died, claims }, [{ ...work, ...about }], options), /died/);
      assert.deepEqual(await record({}), ["counted"]);
      assert.deepEqual(await record({}), ["repeat"]);
    });

    it("are refused with every wrong field of every record, and above 1,000, and then none is counted", async () => {
      const bad = { requestId: "2", account: "x\u202e", model: "m\u001b[2J", labels: { "k\n": "v" } };
      await assert.rejects(record({}, bad), {
        message: /^records\[1\]\.account has an invisible .*; records\[1\]\.model .*; records\[1\]\.labels/,
      });
      await assert.rejects(record(...Array(1_001).fill({})), { message: /records has 1001 records, at most 1000/ });
      assert.equal(await runs(), undefined);
      const many = Array.from({ length: 1_000 }, (_, at) => ({ requestId: `${at}` }));
      assert.deepEqual(new Set(await record(...many)), new Set(["counted"]));
      assert.equal(await runs(), 1_000);
    });
  });
});
