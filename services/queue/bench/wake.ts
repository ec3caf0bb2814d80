import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskResult, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { mainThreadMicros, median, medianRatio, pick } from "./measure.js";
import { ENGINE, PROMPT } from "./ours.js";
import { type Served, startQueue } from "./processes.js";
import type { Report } from "./report.js";

const MANY = unlessBrief(500, 20);
const ROUNDS = unlessBrief(5);
const TASKS = unlessBrief(200, 10);
const EVERY_MS = 10;
/** Most streams on one connection. */
const PER_CHANNEL = 50;

/**
 * Measures the CPU of the queue and of Redis for one task that comes alone. Alternates between one waiting executor and
 * many.
 */
export async function benchWake(url: string, { say, ratio }: Report): Promise<void> {
  const redis = new Redis(url);
  const queue = await startQueue(url);
  const agent = connect(queue.address);
  const costs = { one: [0], many: [0] };
  try {
    for (let round = 0; round <= ROUNDS; round += 1) {
      // The first round is the warm-up.
      if (round === 1) Object.assign(costs, { one: [], many: [] });
      costs.one.push(await costOfTask(1, { queue, redis, agent }));
      costs.many.push(await costOfTask(MANY, { queue, redis, agent }));
    }
    const [one, many] = [median(costs.one), median(costs.many)];
    say(
      `a task with 1 waiting executor: ${(one / 1000).toFixed(2)} ms of CPU; with ${MANY}: ${(many / 1000).toFixed(2)} ms`,
    );
    ratio("wake_cost_500_vs_1", medianRatio(costs.many, costs.one));
  } finally {
    agent.close();
    await queue.close();
    redis.disconnect();
  }
}

type Client = ReturnType<typeof connect>;

/** Returns µs per task, without what the executors cost while they only wait. */
async function costOfTask(
  executors: number,
  { queue, redis, agent }: { queue: Served; redis: Redis; agent: Client },
): Promise<number> {
  const crew = await startExecutors(executors, queue.address);
  const spent = async (work: () => Promise<unknown>): Promise<{ micros: number; ms: number }> => {
    const cpu = async () => queue.cpuMicros() + (await mainThreadMicros(redis));
    const [before, start] = [await cpu(), performance.now()];
    await work();
    return { micros: (await cpu()) - before, ms: performance.now() - start };
  };
  try {
    const idle = await spent(() => delay(TASKS * EVERY_MS));
    const busy = await spent(async () => {
      const start = performance.now();
      for (let index = 0; index < TASKS; index += 1) {
        await delay(Math.max(0, start + index * EVERY_MS - performance.now()));
        const done = crew.nextDone();
        await agent.enqueue({ agentId: "agent-0", spec: TaskSpec.fromPartial({ prompt: PROMPT }), requestId: "" });
        await done;
      }
    });
    return (busy.micros - (idle.micros * busy.ms) / idle.ms) / TASKS;
  } finally {
    await crew.close();
  }
}

/**
 * Executors with one slot each. An executor completes what it gets at once, without a report. Resolves when all have
 * called.
 */
async function startExecutors(count: number, address: string) {
  const clients = Array.from({ length: Math.ceil(count / PER_CHANNEL) }, () => connect(address));
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const result = TaskResult.fromPartial({ text: "done" });
  const boot = randomUUID();
  let done = () => {};
  const run = async (index: number, client: Client): Promise<void> => {
    for (let sequence = 1n; !stop.signal.aborted; sequence += 1n) {
      const { leases } = await client.sync(
        {
          executorId: `ex-${index}`,
          bootId: boot,
          sequence,
          leases: [],
          draining: false,
          maxWait: { seconds: sequence === 1n ? 0n : 20n, nanos: 0 },
          engines: [{ engine: ENGINE, freeSlots: 1, version: "", account: "", slots: 1 }],
        },
        { timeoutMs: 30_000, signal: stop.signal },
      );
      for (const { taskId, fence } of leases) await client.complete({ taskId, fence, result });
      if (leases.length > 0) done();
    }
  };
  const running = Array.from({ length: count }, (_, index) =>
    run(index, pick(clients, Math.floor(index / PER_CHANNEL))).catch((error: unknown) => {
      if (!stop.signal.aborted) throw error;
    }),
  );
  await delay(1_000);
  return {
    nextDone: () => new Promise<void>((resolve) => (done = resolve)),
    async close() {
      stop.abort();
      await Promise.all(running);
      for (const client of clients) client.close();
    },
  };
}

const connect = (address: string) =>
  // By default, gRPC clients of one address share a connection.
  createClient(QueueServiceService, address, { channelOptions: { "grpc.use_local_subchannel_pool": 1 } });
