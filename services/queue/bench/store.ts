import { unlessBrief } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { openBullmq } from "./bullmq.js";
import { describeSample, inFlight, medianRatio, medianSample, type Sample, sample } from "./measure.js";
import { openOurs } from "./ours.js";
import type { Report } from "./report.js";

const JOBS = unlessBrief(4_000, 100);
const CONCURRENCY = 50;
const ROUNDS = unlessBrief(9);

/**
 * Compares enqueue and drain of this queue and of BullMQ. They alternate in one Redis, which is empty at the start of
 * each round.
 */
export async function benchStore(url: string, { say, ratio }: Report): Promise<void> {
  const redis = new Redis(url);
  const ours = await openOurs(url);
  const theirs = await openBullmq(url);
  const samples = new Map<string, Sample[]>();
  const measure = async (name: string, work: () => Promise<unknown>) => {
    samples.set(name, [...(samples.get(name) ?? []), await sample(redis, JOBS, work)]);
  };
  try {
    // The first round is the warm-up and is dropped.
    for (let round = 0; round <= ROUNDS; round += 1) {
      if (round === 1) samples.clear();
      await redis.flushall();
      await measure("enqueue ours", () => inFlight(CONCURRENCY, JOBS, ours.enqueue));
      await measure("done ours", () => ours.drain(CONCURRENCY, { started: false }));

      await redis.flushall();
      await measure("enqueue BullMQ", () => inFlight(CONCURRENCY, JOBS, theirs.enqueue));
      const worker = await theirs.startWorker(CONCURRENCY);
      await measure("done BullMQ", () => worker.drain(JOBS));
      await worker.close();

      await redis.flushall();
      await inFlight(CONCURRENCY, JOBS, ours.enqueue);
      await measure("done ours, starts reported", () => ours.drain(CONCURRENCY, { started: true }));
    }
    for (const [name, each] of samples) say(`${name}: ${describeSample(medianSample(each))}`);
    const rates = (name: string) => (samples.get(name) ?? []).map((each) => each.perSecond);
    ratio("enqueue_vs_bullmq", medianRatio(rates("enqueue ours"), rates("enqueue BullMQ")));
    ratio("done_vs_bullmq", medianRatio(rates("done ours"), rates("done BullMQ")));
  } finally {
    await theirs.close();
    await ours.close();
    redis.disconnect();
  }
}
