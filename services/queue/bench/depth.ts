import { startRedis } from "@ccsp/fleet";
import { unlessBrief } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { inFlight, infoNumber, median, medianRatio, quantile } from "./measure.js";
import { LEASE_MS, type Ours, openOurs } from "./ours.js";
import type { Report } from "./report.js";

const FEW = unlessBrief(1_000, 100);
const MANY = unlessBrief(1_000_000, 1000);
const ROUNDS = unlessBrief(15);
const CALLS = unlessBrief(300, 5);

/**
 * Measures the 99th percentile of calls that come one after another. It alternates between a Redis where few tasks wait
 * and one where many do.
 */
export async function benchDepth(url: string, { say, ratio }: Report): Promise<void> {
  const fewRedis = await startRedis();
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

    const p99s = { few: { enqueue: [0], claim: [0] }, many: { enqueue: [0], claim: [0] } };
    for (let round = 0; round <= ROUNDS; round += 1) {
      const times = { few: { enqueue: [0], claim: [0] }, many: { enqueue: [0], claim: [0] } };
      for (let call = 1; call <= CALLS; call += 1) {
        // The calls alternate, so a disturbance affects both.
        for (const [name, ours] of [
          ["few", few],
          ["many", many],
        ] as const) {
          times[name].enqueue.push(await timed(() => ours.enqueue(call)));
          times[name].claim.push(await timedClaim(ours, BigInt(round * CALLS + call)));
        }
      }
      // The first round is the warm-up.
      for (const name of ["few", "many"] as const) {
        for (const call of ["enqueue", "claim"] as const) {
          if (round === 1) p99s[name][call] = [];
          p99s[name][call].push(quantile(times[name][call], 0.99));
        }
      }
    }
    for (const call of ["enqueue", "claim"] as const) {
      const [withFew, withMany] = [median(p99s.few[call]), median(p99s.many[call])];
      say(`${call}: p99 ${withFew.toFixed(2)} ms with ${FEW} waiting, ${withMany.toFixed(2)} ms with ${MANY}`);
      ratio(`${call}_p99_1m_vs_1k`, medianRatio(p99s.many[call], p99s.few[call]));
    }
  } finally {
    await few.close();
    await many.close();
    redis.disconnect();
    await fewRedis.stop();
  }
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await call();
  return performance.now() - start;
}

/** Measures only the claim. The lease is completed, so the number of leases stays the same. */
async function timedClaim(ours: Ours, sequence: bigint): Promise<number> {
  const mark = { executor: "ex-1", boot: "boot-1", sequence };
  await ours.store.sync({
    ...mark,
    draining: false,
    address: "",
    offers: [],
    held: [],
    leaseMs: LEASE_MS,
    again: false,
  });
  const start = performance.now();
  const [grant] = await ours.claim(mark, 1);
  const ms = performance.now() - start;
  if (grant === undefined) throw new Error("nothing was leased");
  await ours.complete(grant);
  return ms;
}
