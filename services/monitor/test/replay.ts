import assert from "node:assert/strict";
import { eventsKey } from "@ccsp/events";
import { startRedis } from "@ccsp/fleet";
import { asList, fieldsOf, openRedis } from "@ccsp/redis-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { DIMENSIONS } from "../src/usage/domain/run.js";
import { reportUsage } from "../src/usage/domain/usage-report.js";
import { DAY_MS, HOUR_MS } from "../src/usage/domain/usage-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { type RunningMonitor, startMonitor } from "./start-monitor.js";
import { LABELS, PlainSums, publishEnds, runOf, syntheticEnd } from "./synthetic.js";

const BATCH = 500;
/** The stream keeps about 100,000 entries, and each count adds one. */
const MOST_AHEAD = 20_000;

/** Two monitors count the ends of a day, and now and then one is killed. Then every sum is as it is without a kill. */
export async function replayWithKills({
  ends,
  kills,
}: {
  readonly ends: number;
  readonly kills: number;
}): Promise<void> {
  const server = await startRedis();
  const redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "test" });
  const env = { CCSP_REDIS_URL: server.url, CCSP_MONITOR_USAGE_LABELS: LABELS.join(",") };
  const start = (name: string) => startMonitor({ ...env, CCSP_INSTANCE: name });
  const running = new Map<string, RunningMonitor>();
  const group = async (): Promise<Record<string, unknown>> =>
    Object.fromEntries(fieldsOf(asList(await redis.client.xinfo("GROUPS", eventsKey(0)))[0]));
  try {
    for (const name of ["one", "two"]) running.set(name, await start(name));
    const seed = Date.now() % 1_000;
    // Yesterday is over, and its minutes are still kept.
    const day = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS;
    const [hours, days] = [new PlainSums(DIMENSIONS, HOUR_MS), new PlainSums(DIMENSIONS, 100_000 * DAY_MS)];
    for (let from = 0, killed = 0; from < ends; from += BATCH) {
      const batch = Array.from({ length: BATCH }, (_, at) => {
        const time = new Date(day + Math.floor(((from + at) / ends) * DAY_MS));
        return syntheticEnd(from + at, { agents: 20, time, seed });
      });
      await publishEnds(redis, batch);
      for (const end of batch) for (const plain of [hours, days]) plain.add(runOf(end));
      if (from >= (killed + 1) * (ends / (kills + 1))) {
        killed += 1;
        const name = killed % 2 === 0 ? "one" : "two";
        const victim = running.get(name);
        victim?.process.kill("SIGKILL");
        await victim?.process.exited;
        await victim?.stop();
        // The same name: it may take back at once what it left behind.
        running.set(name, await start(name));
      }
      await eventually(async () => assert.ok(Number((await group())["lag"]) < MOST_AHEAD), { timeoutMs: 60_000 });
    }
    await eventually(
      async () => {
        const { lag, pending } = await group();
        assert.deepEqual([lag, pending], [0, 0]);
      },
      { timeoutMs: 90_000 },
    );
    const now = new Date();
    const store = createRedisUsageStore(redis.client, { partitions: 1, maxRows: 1_000, ledgerDays: 90 });
    const range = { start: new Date(day), end: new Date(day + DAY_MS), filter: {} };
    const { rows } = await reportUsage(store, { ...range, groupBy: DIMENSIONS }, now);
    assert.deepEqual(byKey(rows.map(({ row, counts }) => [days.key(0, row), counts])), byKey(days.all));
    const found = new Map<string, unknown>();
    const starts = Array.from({ length: 24 }, (_, hour) => day + hour * HOUR_MS);
    for await (const { start: at, rows: of } of store.read("hour", starts))
      for (const { row, counts } of of) found.set(hours.key(at, row), counts);
    assert.deepEqual(byKey(found), byKey(hours.all));
    const recorded = await redis.client.scard(`ccsp:usage:{0}:seen:${new Date(day).toISOString().slice(0, 10)}`);
    assert.equal(recorded, ends);
  } finally {
    for (const monitor of running.values()) await monitor.stop().catch(() => undefined);
    await redis.close();
    await server.stop();
  }
}

const byKey = (all: Iterable<readonly [string, unknown]>) =>
  Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
