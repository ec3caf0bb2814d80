import { Redis } from "ioredis";
import { openBullmq } from "./bullmq.js";
import { describeSample, inFlight, medianSample, type Sample, sample } from "./measure.js";
import { openOurs } from "./ours.js";
import type { Report } from "./report.js";

const JOBS = 6_000;
const CONCURRENCY = 50;
const ROUNDS = 5;

/** Enqueue and drain, ours and BullMQ's by turns in one Redis, each round with an empty one. */
export async function benchStore(url: string, { say, ratio }: Report): Promise<void> {
  const redis = new Redis(url);
  const ours = await openOurs(url);
  const theirs = await openBullmq(url);
  const samples = new Map<string, Sample[]>();
  const measure = async (name: string, work: () => Promise<unknown>) => {
    samples.set(name, [...(samples.get(name) ?? []), await sample(redis, JOBS, work)]);
  };
  try {
    // The first round warms up and is dropped.
    for (let round = 0; round <= ROUNDS; round += 1) {
      if (round === 1) samples.clear();
      for (const started of [false, true]) {
        await redis.flushall();
        await measure("enqueue ours", () => inFlight(CONCURRENCY, JOBS, ours.enqueue));
        await measure(started ? "done ours, with the report of the start" : "done ours", async () => {
          const done = await ours.drain(CONCURRENCY, { started });
          if (done !== JOBS) throw new Error(`${done} of ${JOBS} tasks were done`);
        });
        if (started) continue;

        await redis.flushall();
        await measure("enqueue BullMQ", () => inFlight(CONCURRENCY, JOBS, theirs.enqueue));
        const worker = await theirs.startWorker(CONCURRENCY);
        await measure("done BullMQ", () => worker.drain(JOBS));
        await worker.close();
      }
    }
    for (const [name, each] of samples) say(`${name}: ${describeSample(medianSample(each))}`);
    const rate = (name: string) => medianSample(samples.get(name) ?? []).perSecond;
    ratio("enqueue_vs_bullmq", rate("enqueue ours") / rate("enqueue BullMQ"));
    ratio("done_vs_bullmq", rate("done ours") / rate("done BullMQ"));
  } finally {
    await theirs.close();
    await ours.close();
    redis.disconnect();
  }
}
