import assert from "node:assert/strict";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { ExportUsageRequest } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { ExportDetail, ExportFormat } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { openRedis, type RedisClient, type RedisConnection } from "@ccsp/redis-kit";
import * as fc from "fast-check";
import { pino } from "pino";
import { addCounts, type Counts, noCounts } from "../src/usage/domain/counts.js";
import { exportAttempts } from "../src/usage/domain/export-attempts.js";
import { DIMENSIONS, type Run } from "../src/usage/domain/run.js";
import { floor } from "../src/usage/domain/usage-report.js";
import { type CountedAttempt, DAY_MS, HOUR_MS, type UsageStore } from "../src/usage/domain/usage-store.js";
import { usageHandlers } from "../src/usage/handlers.js";
import { createRedisClaimStore } from "../src/usage/redis/redis-claim-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { anyRun, now, textsOf } from "./any-run.js";

const DAYS = Array.from({ length: 43 }, (_, back) => floor(now.getTime(), DAY_MS) + (1 - back) * DAY_MS);
const log = pino({ level: "silent" });
const storeOn = (client: RedisClient, ledgerDays = 90) =>
  createRedisUsageStore(client, { partitions: 2, maxRows: 1_000, ledgerDays, now: () => now.getTime() });

async function attemptsOf(store: UsageStore, day: number): Promise<CountedAttempt[]> {
  const attempts: CountedAttempt[] = [];
  for await (const some of store.readAttempts(day)) attempts.push(...some);
  return attempts;
}

/** The sums of each day and row, of the attempts that are kept and of what was counted for the day. */
async function sumsOf(store: UsageStore) {
  const [ledger, counted] = [new Map<string, Counts>(), new Map<string, Counts>()];
  const add = (to: typeof ledger, day: number, { row, counts }: Pick<CountedAttempt, "row" | "counts">): void => {
    const key = JSON.stringify([day, row]);
    const sum = to.get(key) ?? noCounts();
    to.set(key, sum);
    addCounts(sum, counts);
  };
  for (const day of DAYS) {
    for (const attempt of await attemptsOf(store, day)) {
      assert.equal(floor(attempt.endMs, DAY_MS), day);
      add(ledger, day, attempt);
    }
  }
  for await (const { start, rows } of store.read("day", DAYS)) for (const row of rows) add(counted, start, row);
  return { ledger: Object.fromEntries(ledger), counted: Object.fromEntries(counted) };
}

/** A client that loses the answers of some scripts after they have run, as a connection that breaks does. */
function losing(client: RedisClient, loses: () => boolean): RedisClient {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        const answer: unknown = await Reflect.apply(value, target, args);
        if (String(name).startsWith("script:") && loses()) throw new Error("the answer was lost");
        return answer;
      };
    },
  });
}

describe("the ledger", function () {
  this.timeout(120_000);
  let server: RedisServer;
  let redis: RedisConnection;
  before(async () => {
    server = await startRedis();
    redis = await openRedis(server.url, { log, name: "test" });
  });
  after(async () => {
    await redis.close();
    await server.stop();
  });
  beforeEach(() => redis.client.flushall());

  const run = (fields: Partial<Run> = {}): Run => ({
    ...{ id: "0-t result", partition: 0, taskId: "0-t", traceparent: "", attempt: 1, endTime: now },
    row: { agent: "a", engine: "e", account: "", model: "m", priority: "", label: "" },
    outcome: "succeeded",
    ...{ tokens: undefined, costMicroUsd: undefined, runMs: undefined, waitMs: undefined },
    ...fields,
  });

  it("sums to the counts of each day and row, whatever is repeated and whichever answers are lost", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRun, { minLength: 1, maxLength: 60 }),
        fc.array(fc.boolean(), { maxLength: 30 }),
        async (runs, losses) => {
          await redis.client.flushall();
          const left = [...losses];
          const store = storeOn(losing(redis.client, () => left.pop() === true));
          const record = async (each: Run): Promise<void> => {
            for (let tries = 0; tries < 50; tries += 1) {
              const done = await store.record(each).catch(() => undefined);
              if (done !== undefined) return;
            }
            assert.fail("every answer was lost");
          };
          await Promise.all(runs.map(record));
          const { ledger, counted } = await sumsOf(store);
          assert.deepEqual(ledger, counted);
          const ids = (await Promise.all(DAYS.map((day) => attemptsOf(store, day)))).flat().map(({ id }) => id);
          const here = (partition: number) =>
            new Set(runs.filter((of) => of.partition === partition).map(({ id }) => id));
          assert.equal(new Set(ids).size, new Set(runs.map(({ id }) => id)).size);
          // An id counts once in its partition, and once more where days lie between.
          assert.ok(ids.length >= here(0).size + here(1).size);
        },
      ),
      { numRuns: 15 },
    );
  });

  it("sums to the counts after Redis was killed while it counted, and each attempt was reported again", async () => {
    const killed = await startRedis({ appendOnly: true });
    const connection = await openRedis(killed.url, { log, name: "killed" });
    try {
      const runs = fc.sample(anyRun, { numRuns: 400, seed: 7 }).map((each, at) => ({ ...each, id: `0-${at} result` }));
      const store = storeOn(connection.client);
      const reported = runs.map((each) => store.record(each).catch(() => undefined));
      await Promise.race(reported);
      await killed.kill9();
      await killed.restart();
      await Promise.all(reported);
      for (const each of runs) await store.record(each);
      const { ledger, counted } = await sumsOf(store);
      assert.deepEqual(ledger, counted);
      const kept = (await Promise.all(DAYS.map((day) => attemptsOf(store, day)))).flat();
      assert.deepEqual(kept.map(({ id }) => id).toSorted(), runs.map(({ id }) => id).toSorted());
    } finally {
      await connection.close();
      await killed.stop();
    }
  });

  it("has no second entry for an attempt that is reported again with other numbers", async () => {
    const store = storeOn(redis.client);
    await store.record(run({ costMicroUsd: 1 }));
    await Promise.all([
      store.record(run({ costMicroUsd: 2 })),
      store.record(run({ endTime: new Date("2026-02-28T23:59:00Z") })),
    ]);
    const kept = (await Promise.all(DAYS.map((day) => attemptsOf(store, day)))).flat();
    assert.deepEqual(
      kept.map(({ id, attempt, endMs, counts }) => [id, attempt, endMs, counts.costMicroUsd]),
      [["0-t result", 1, now.getTime(), 1]],
    );
  });

  it("keeps a day for its days after the end of the day, has nothing of an expired one, and nothing at all with 0", async () => {
    const today = floor(now.getTime(), DAY_MS);
    const keys = async () => (await redis.client.keys("ccsp:usage:*:ledger:*")).toSorted();
    await storeOn(redis.client, 3).record(run());
    assert.deepEqual(await keys(), ["ccsp:usage:{0}:ledger:2026-03-01"]);
    const leftMs = await redis.client.pttl("ccsp:usage:{0}:ledger:2026-03-01");
    const expectedMs = today + 4 * DAY_MS - now.getTime();
    assert.ok(leftMs <= expectedMs && leftMs > expectedMs - 60_000, `left: ${leftMs}`);
    const old = (back: number) => run({ id: `old ${back}`, endTime: new Date(today - back * DAY_MS) });
    await storeOn(redis.client, 3).record(old(4));
    assert.equal((await keys()).length, 1);
    await storeOn(redis.client, 3).record(old(3));
    assert.equal((await keys()).length, 2);
    await redis.client.pexpire("ccsp:usage:{0}:ledger:2026-02-26", 0);
    const range = { start: new Date(today - 10 * DAY_MS), end: new Date(now.getTime() + 1), filter: {} };
    const lines = await textsOf(exportAttempts(storeOn(redis.client, 3), { ...range, format: "json-lines" }, now));
    assert.equal(lines.join("").trim().split("\n").length, 1);
    await redis.client.flushall();
    assert.equal(await storeOn(redis.client, 0).record(run()), "ok");
    assert.deepEqual(await keys(), []);
  });

  it("is read a part at a time, and no more of it than the reader takes", async () => {
    let reads = 0;
    const counting = new Proxy(redis.client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (name === "xrange") reads += 1;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const store = storeOn(counting);
    const runs = Array.from({ length: 1_201 }, (_, at) => run({ id: `0-${at} result` }));
    await Promise.all(runs.map((each) => store.record(each)));
    const all = { start: new Date(now.getTime() - HOUR_MS), end: new Date(now.getTime() + 1), filter: {} };
    const parts = exportAttempts(store, { ...all, format: "json-lines" }, now);
    reads = 0;
    await parts.next();
    assert.equal(reads, 1);
    const rest = await textsOf(parts);
    assert.deepEqual(
      rest.map((lines) => lines.trim().split("\n").length),
      [500, 201],
    );
  });

  it("is read for days only that may have attempts, however long the range is", async () => {
    const today = floor(now.getTime(), DAY_MS);
    const daysOf = async (from: number, to: number): Promise<number[]> => {
      const days: number[] = [];
      const readAttempts: UsageStore["readAttempts"] = async function* (day) {
        days.push((day - today) / DAY_MS);
        yield [];
      };
      const range = { start: new Date(today + from * DAY_MS), end: new Date(today + to * DAY_MS), filter: {} };
      await textsOf(exportAttempts({ readAttempts }, { ...range, format: "csv" }, now));
      return days;
    };
    assert.deepEqual(await daysOf(-1, 700), [-1, 0, 1]);
    assert.deepEqual(await daysOf(-1_400, -729), [-731, -730]);
    assert.deepEqual(await daysOf(5, 9), []);
  });

  describe("in ExportUsage", () => {
    const handlersOf = (ledgerDays: number) =>
      usageHandlers({
        ...{ store: storeOn(redis.client), claims: createRedisClaimStore(redis.client), gapsIn: async () => [] },
        ...{ allowedLabels: [], ledgerDays, timeZone: "UTC" },
      });
    const exported = async (fields: Parameters<typeof ExportUsageRequest.fromPartial>[0], ledgerDays = 90) => {
      const request = ExportUsageRequest.fromPartial({ detail: ExportDetail.ATTEMPTS, ...fields });
      const lines: string[] = [];
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the handler reads only the request
      for await (const part of handlersOf(ledgerDays).exportUsage(request, {} as never)) lines.push(part.lines ?? "");
      return lines.join("");
    };
    const range = { startTime: new Date(now.getTime() - HOUR_MS), endTime: new Date(now.getTime() + 1) };

    it("is one row per attempt, with what is not known left empty, and only what the range and the filter have", async () => {
      const store = storeOn(redis.client);
      const tokens = { input: 1, output: 2, cacheRead: 3, cacheCreation: 4 };
      const row = { ...run().row, agent: "=b", model: "claude-opus-4-5" };
      await store.record(run({ id: "0-t 2", attempt: 2, outcome: "failed", failure: "limited", row, tokens }));
      await store.record(
        run({ id: "outside c 1", taskId: "", attempt: undefined, costMicroUsd: 0, runMs: 7, waitMs: 0 }),
      );
      await store.record(run({ id: "0-old result", endTime: new Date(range.startTime.getTime() - 1) }));
      await store.record(run({ id: "0-late result", endTime: range.endTime }));
      const time = now.toISOString();
      assert.deepEqual((await exported(range)).split("\r\n"), [
        "end_time,agent,engine,account,model,priority,label,task_id,attempt,attempt_id,outcome,failure,input_tokens," +
          "output_tokens,cache_read_tokens,cache_creation_tokens,cost_micro_usd,priced_micro_usd,run_ms,queue_wait_ms",
        `${time},'=b,e,,claude-opus-4-5,,,0-t,2,0-t 2,failed,limited,1,2,3,4,,82,,`,
        `${time},a,e,,m,,,,,outside c 1,succeeded,,,,,,0,,7,0`,
        "",
      ]);
      const text = await exported({ ...range, format: ExportFormat.JSON_LINES, filter: { agentId: "a" } });
      const { agent, attempt, cost_micro_usd: cost, input_tokens: input } = JSON.parse(text);
      assert.deepEqual([agent, attempt, cost, input], ["a", null, 0, null]);
    });

    it("has the columns of each dimension that usage is counted by", async () => {
      const [head = ""] = (await exported(range)).split("\r\n");
      for (const dimension of DIMENSIONS) assert.ok(head.split(",").includes(dimension), dimension);
    });

    it("is refused with the field: a step, an unknown detail, and attempts that are not kept", async () => {
      const refused = (field: string) => ({ reason: "INVALID_FIELD", fields: [{ field }] });
      const fieldOf = async (work: Promise<unknown>): Promise<unknown> => {
        const error: unknown = await work.then(
          () => assert.fail("was not refused"),
          (reason: unknown) => reason,
        );
        const { reason, fields } = Object(error);
        return { reason, fields: fields.map(({ field }: { field: string }) => ({ field })) };
      };
      assert.deepEqual(await fieldOf(exported({ ...range, step: { seconds: 3_600n } })), refused("step"));
      assert.deepEqual(await fieldOf(exported({ ...range, detail: ExportDetail.UNRECOGNIZED })), refused("detail"));
      assert.deepEqual(await fieldOf(exported(range, 0)), refused("detail"));
      assert.match(await exported({ ...range, step: { seconds: 0n } }), /^end_time,/);
    });
  });
});
