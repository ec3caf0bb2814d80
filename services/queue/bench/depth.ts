import { startRedis } from "@ccsp/fleet";
import { Redis } from "ioredis";
import { inFlight, infoNumber, median, oneByOne, quantile } from "./measure.js";
import { ENGINE, LEASE_MS, ORDER, type Ours, openOurs } from "./ours.js";
import type { Report } from "./report.js";

const FEW = 1_000;
const MANY = 1_000_000;
const ROUNDS = 9;
const CALLS = 500;

/** The 99th percentile of calls one after another, in a Redis where few tasks wait and in one where many do, by turns. */
export async function benchDepth(url: string, { say, ratio }: Report, redisArgs: readonly string[]): Promise<void> {
  const fewRedis = await startRedis({ args: redisArgs });
  const redis = new Redis(url);
  const [few, many] = [await openOurs(fewRedis.url), await openOurs(url)];
  try {
    await redis.flushall();
    const before = infoNumber(await redis.info("memory"), "used_memory");
    const start = performance.now();
    await inFlight(200, MANY, many.enqueue);
    const bytes = (infoNumber(await redis.info("memory"), "used_memory") - before) / MANY;
    say(
      `${MANY} tasks enqueued in ${((performance.now() - start) / 1000).toFixed(0)} s; ${bytes.toFixed(0)} bytes of Redis per waiting 300-byte task`,
    );
    ratio("bytes_per_task_vs_1000", bytes / 1000);
    await inFlight(200, FEW, few.enqueue);

    const p99s: Record<"few" | "many", { enqueue: number[]; claim: number[] }> = {
      few: { enqueue: [], claim: [] },
      many: { enqueue: [], claim: [] },
    };
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const [name, ours] of [
        ["few", few],
        ["many", many],
      ] as const) {
        const enqueues = await oneByOne(CALLS, ours.enqueue);
        const claims = await claimOneByOne(ours, round);
        if (round === 0) continue;
        p99s[name].enqueue.push(quantile(enqueues, 0.99));
        p99s[name].claim.push(quantile(claims, 0.99));
      }
    }
    for (const call of ["enqueue", "claim"] as const) {
      const [withFew, withMany] = [median(p99s.few[call]), median(p99s.many[call])];
      say(`${call}: p99 ${withFew.toFixed(2)} ms with ${FEW} waiting, ${withMany.toFixed(2)} ms with ${MANY}`);
      ratio(`${call}_p99_1m_vs_1k`, withMany / withFew);
    }
  } finally {
    await few.close();
    await many.close();
    redis.disconnect();
    await fewRedis.stop();
  }
}

/** Only the claims are timed; each lease is completed before the next, so that the number of leases stays the same. */
async function claimOneByOne(ours: Ours, round: number): Promise<number[]> {
  const times: number[] = [];
  for (let call = 1; call <= CALLS; call += 1) {
    const mark = { executor: "ex-1", boot: "boot-1", sequence: BigInt(round * CALLS + call) };
    await ours.store.sync({ ...mark, draining: false, held: [], leaseMs: LEASE_MS, again: false });
    const start = performance.now();
    const grants = await ours.store.claim({
      ...{ ...mark, engine: ENGINE, count: 1, leaseMs: LEASE_MS, maxBytes: 1e7, order: ORDER },
    });
    times.push(performance.now() - start);
    if (grants === "stale" || grants[0] === undefined) throw new Error("nothing was leased");
    await ours.complete(grants[0]);
  }
  return times;
}
