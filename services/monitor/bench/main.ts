// `make bench-monitor`: replays a synthetic day of 200 agents through the event stream to one replica of the monitor,
// compares every aggregate with a plain recomputation, and compares its rate with the queue's rate of ends in the same
// Redis. docs/benchmarks.md says what each figure means. ENDS=100000 replays fewer ends.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventsKey } from "@ccsp/events";
import { startRedis } from "@ccsp/fleet";
import { asList, fieldsOf, openRedis, type RedisConnection } from "@ccsp/redis-kit";
import { unlessBrief } from "@ccsp/testkit";
import { pino } from "pino";
import { DIMENSIONS, type Dimension } from "../src/usage/domain/run.js";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../src/usage/domain/usage-store.js";
import { createRedisUsageStore } from "../src/usage/redis/redis-usage-store.js";
import { PlainSums, publishEnds, runOf, syntheticEnd } from "../test/synthetic.js";

const AGENTS = 200;
const ENDS = Number(process.env["ENDS"] ?? unlessBrief(1_000_000, 5_000));
const BATCH = 1_000;
/** Few, because the connection of a stopped process ends after 15 s. */
const CHUNK = 5_000;
const DAY = Date.parse("2026-03-01T00:00:00Z");
const NOW = DAY + DAY_MS;

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = [...process.execArgv];

async function endsPerSecond(url: string): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [...node, here("../../queue/bench/ends.ts"), url]);
  return Number(/ends_per_second (\S+)/.exec(stdout)?.[1]);
}

/** Events that the group has not finished. */
async function behind(redis: RedisConnection): Promise<number> {
  const group = fieldsOf(asList(await redis.client.xinfo("GROUPS", eventsKey(0)))[0]);
  return group.size === 0 ? Number.POSITIVE_INFINITY : Number(group.get("lag")) + Number(group.get("pending"));
}

async function compare(redis: RedisConnection, sums: readonly PlainSums[]): Promise<void> {
  const store = createRedisUsageStore(redis.client, { partitions: 1, maxRows: 1_000, ledgerDays: 90, now: () => NOW });
  for (const plain of sums) {
    const starts = Array.from({ length: DAY_MS / plain.unitMs }, (_, at) => DAY + at * plain.unitMs);
    const [dimension = "engine"] = plain.groupBy;
    const read =
      plain.unitMs === MINUTE_MS
        ? store.readMinutes(dimension, starts)
        : store.read(plain.unitMs === HOUR_MS ? "hour" : "day", starts);
    let found = 0;
    for await (const { start, rows } of read)
      for (const { row, counts } of rows) {
        assert.deepEqual(counts, plain.all.get(plain.key(start, row)), plain.key(start, row));
        found += 1;
      }
    assert.equal(found, plain.all.size);
    const unit = { [MINUTE_MS]: "minute", [HOUR_MS]: "hour", [DAY_MS]: "day" }[plain.unitMs];
    console.log(`every ${unit} by ${plain.groupBy.join(", ")}: ${found} rows are exact`);
  }
}

async function feed(redis: RedisConnection, sums: readonly PlainSums[], from: number, to: number): Promise<void> {
  for (let batch = from; batch < to; batch += BATCH) {
    const ends = Array.from({ length: Math.min(BATCH, to - batch) }, (_, at) => {
      const time = new Date(DAY + Math.floor(((batch + at) / ENDS) * DAY_MS));
      return syntheticEnd(batch + at, { agents: AGENTS, time, seed: 1 });
    });
    await publishEnds(redis, ends);
    for (const end of ends) for (const plain of sums) plain.add(runOf(end));
  }
}

const server = await startRedis();
const redis = await openRedis(server.url, { log: pino({ level: "silent" }), name: "bench" });
try {
  const queueRates = [await endsPerSecond(server.url)];
  await redis.client.flushall();
  const emptyBytes = await usedBytes(redis);
  const consumer = spawn(process.execPath, [...node, here("./consumer.ts"), server.url, String(NOW)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const sums = [
    new PlainSums(DIMENSIONS, DAY_MS),
    new PlainSums(DIMENSIONS, HOUR_MS),
    ...DIMENSIONS.map((dimension: Dimension) => new PlainSums([dimension], MINUTE_MS)),
  ];
  while ((await behind(redis).catch(() => Number.POSITIVE_INFINITY)) > 0) await delay(50);
  let drainMs = 0;
  for (let from = 0; from < ENDS; from += CHUNK) {
    // The monitor stands still while this process makes events: in a fleet the queue makes them, on its own processor.
    consumer.kill("SIGSTOP");
    await feed(redis, sums, from, Math.min(ENDS, from + CHUNK));
    const start = performance.now();
    consumer.kill("SIGCONT");
    while ((await behind(redis)) > 0) await delay(20);
    drainMs += performance.now() - start;
  }
  const rate = (ENDS * 1_000) / drainMs;
  const bytes = (await usedBytes(redis)) - emptyBytes;
  const [streamBytes, seenBytes] = await Promise.all(
    [eventsKey(0), `ccsp:usage:{0}:seen:${new Date(DAY).toISOString().slice(0, 10)}`].map(async (key) =>
      Number(await redis.client.call("MEMORY", "USAGE", key, "SAMPLES", "100")),
    ),
  );
  let output = "";
  consumer.stdout.on("data", (text: Buffer) => {
    output += text.toString();
  });
  consumer.stdin.end();
  await once(consumer, "exit");
  const memory: { rssMb: number; peakMb: number } = JSON.parse(output);
  await compare(redis, sums);
  queueRates.push(await endsPerSecond(server.url));
  const queueRate = (Math.min(...queueRates) + Math.max(...queueRates)) / 2;
  const mb = (of = 0): string => (of / 1e6).toFixed(1);
  console.log(`${ENDS} ends of ${AGENTS} agents: ${rate.toFixed(0)} attempts counted per second on one replica`);
  console.log(`the queue ends ${queueRates.map((each) => each.toFixed(0)).join(" and ")} tasks per second`);
  console.log(`Redis: ${mb(bytes)} MB, of which ids ${mb(seenBytes)} MB and the event stream ${mb(streamBytes)} MB`);
  console.log(`the process: ${memory.rssMb.toFixed(0)} MB at the end, ${memory.peakMb.toFixed(0)} MB at most`);
  console.log(
    `load average: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(", ")}`,
  );
  console.log(`ratio monitor_events_vs_queue_ends ${(rate / queueRate).toFixed(2)}`);
} finally {
  await redis.close();
  await server.stop();
}

async function usedBytes({ client }: RedisConnection): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
}
