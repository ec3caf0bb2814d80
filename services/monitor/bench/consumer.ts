// One replica of the monitor without gRPC, with an injected clock: `consumer.ts <Redis URL> <now in ms>`. It counts until
// standard input ends. Then it prints its memory as JSON.
import { consumeEvents } from "@ccsp/events";
import { openRedis } from "@ccsp/redis-kit";
import { pino } from "pino";
import { runOfEvent } from "../src/usage/events/run-of-event.js";
import { createRedisUsageStore, RUNS_IN_FLIGHT } from "../src/usage/redis/redis-usage-store.js";
import { LABELS } from "../test/synthetic.js";

const [, , url = "", nowMs = ""] = process.argv;
const log = pino({ level: "warn" }, process.stderr);
const redis = await openRedis(url, { log, name: "bench" });
const store = createRedisUsageStore(redis.client, {
  partitions: 1,
  maxRows: 1_000,
  ledgerDays: 90,
  now: () => Number(nowMs),
});
const handle = async (event: Parameters<typeof runOfEvent>[0]): Promise<void> => {
  const run = runOfEvent(event, LABELS);
  if (run !== undefined) await store.record(run);
};
const reading = await consumeEvents({
  redis,
  group: "monitor",
  consumer: "bench",
  handle,
  inFlight: RUNS_IN_FLIGHT,
  log,
});
for await (const _ of process.stdin) continue;
await reading.close();
await redis.close();
console.log(JSON.stringify({ rssMb: process.memoryUsage().rss / 1e6, peakMb: process.resourceUsage().maxRSS / 1e3 }));
