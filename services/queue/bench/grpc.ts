import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { EnqueueBatchRequest, EnqueueRequest } from "@ccsp/protos/ccsp/queue/v1/submission.js";
import { Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import { status } from "@grpc/grpc-js";
import { Redis } from "ioredis";
import { ECHO } from "./echo.js";
import { inFlight, median, medianRatio, pick } from "./measure.js";
import { PROMPT } from "./ours.js";
import { startEcho, startQueue } from "./processes.js";
import { connectRaw, type RawClient } from "./raw-call.js";
import type { Report } from "./report.js";

const IN_FLIGHT = 64;
const CALLS = unlessBrief(3_000, 100);
const ROUNDS = unlessBrief(5);
const BATCH = 100;
const BATCHES_IN_FLIGHT = 8;
const BATCHES = unlessBrief(150, 8);

const CLASSES = [Priority.URGENT, Priority.HIGH, Priority.NORMAL, Priority.LOW];
const variants = Array.from({ length: 32 }, (_, index) => ({
  agentId: `agent-${index % 8}`,
  spec: TaskSpec.fromPartial({ prompt: PROMPT, priority: CLASSES[Math.floor(index / 8)] ?? Priority.NORMAL }),
}));
const SINGLE = variants.map((each) => Buffer.from(EnqueueRequest.encode({ ...each, requestId: "" }).finish()));
const BATCHED = variants.slice(0, 8).map(({ agentId }) => {
  const items = Array.from({ length: BATCH }, (_, index) => ({
    spec: variants[(index * 8) % variants.length]?.spec,
    requestId: "",
  }));
  return Buffer.from(EnqueueBatchRequest.encode({ agentId, items }).finish());
});

/** Alternates calls of Enqueue and of a bare echo, 64 in flight, on one channel and on four. */
export async function benchGrpc(url: string, { say, ratio }: Report): Promise<void> {
  const redis = new Redis(url);
  const queue = await startQueue(url);
  const echo = await startEcho();
  try {
    for (const channels of [1, 4]) {
      const toQueue = await connectRaw(queue.address, channels);
      const toEcho = await connectRaw(echo.address, channels);
      const echoes: number[] = [];
      const singles: number[] = [];
      const batches: number[] = [];
      const batch = await serves(toQueue);
      for (let round = 0; round <= ROUNDS; round += 1) {
        echoes.push(await perSecond(CALLS, IN_FLIGHT, (at) => toEcho.call(ECHO.path, pick(SINGLE, at))));
        singles.push(await perSecond(CALLS, IN_FLIGHT, (at) => toQueue.call(ENQUEUE, pick(SINGLE, at))));
        if (batch) {
          const call = (at: number) => toQueue.call(ENQUEUE_BATCH, pick(BATCHED, at));
          batches.push(BATCH * (await perSecond(BATCHES, BATCHES_IN_FLIGHT, call)));
        }
        await redis.flushall();
      }
      toQueue.close();
      toEcho.close();

      // The first round is the warm-up.
      for (const rates of [echoes, singles, batches]) rates.shift();
      const on = `${channels} channel${channels > 1 ? "s" : ""}`;
      say(`echo on ${on}: ${median(echoes).toFixed(0)}/s; Enqueue: ${median(singles).toFixed(0)}/s`);
      ratio("grpc_enqueue_vs_echo", medianRatio(singles, echoes), on);
      if (!batch) {
        say("EnqueueBatch: this queue does not serve it");
        continue;
      }
      say(`EnqueueBatch of ${BATCH} on ${on}, ${BATCHES_IN_FLIGHT} in flight: ${median(batches).toFixed(0)} tasks/s`);
      ratio("batch_enqueue_vs_echo", medianRatio(batches, echoes), on);
    }
  } finally {
    await echo.close();
    await queue.close();
    redis.disconnect();
  }
}

const ENQUEUE = QueueServiceService.enqueue.path;
const ENQUEUE_BATCH = QueueServiceService.enqueueBatch.path;

async function serves(queue: RawClient): Promise<boolean> {
  try {
    await queue.call(ENQUEUE_BATCH, pick(BATCHED, 0));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === status.UNIMPLEMENTED) return false;
    throw error;
  }
}

async function perSecond(count: number, concurrency: number, call: (index: number) => Promise<unknown>) {
  const start = performance.now();
  await inFlight(concurrency, count, call);
  return (count * 1000) / (performance.now() - start);
}
