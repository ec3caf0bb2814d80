import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import type { Grant } from "../src/domain/leases/lease-store.js";
import { inFlight, pick, quantile } from "./measure.js";
import { openOurs } from "./ours.js";
import { startQueue } from "./processes.js";
import type { Report } from "./report.js";

const TASKS = unlessBrief(1_000, 20);
const PER_SECOND = unlessBrief(2_000, 100);
const SECONDS = unlessBrief(10);
const CHANNELS = 4;
// Long enough that no Sync is needed.
const LEASE_MS = 600_000;

/**
 * Measures 1,000 running tasks, each with a watcher at the queue. Each report has one event, at a steady rate. All
 * calls use gRPC.
 */
export async function benchWatch(url: string, { say, ratio }: Report): Promise<void> {
  const grants = await leaseTasks(url);
  const queue = await startQueue(url);
  const client = connect(queue.address);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const lateness: number[] = [];
  let states = 0;
  const watch = async ({ task: { id, agent } }: Grant, index: number) => {
    const watching = client.of(index).watch({ taskId: id, agentId: agent }, { signal: stop.signal });
    for await (const { event } of watching) {
      if (event?.event?.$case === "stateChanged") states += 1;
      if (event?.event?.$case === "textDelta") lateness.push(performance.now() - Number(event.event.value.text));
    }
  };
  const report = (index: number, reportSequence: number, text: string) => {
    const { task, fence } = pick(grants, index);
    const event = TaskEvent.fromPartial({ event: { $case: "textDelta", value: { text } } });
    return client.of(index).report(
      {
        taskId: task.id,
        fence: BigInt(fence),
        reportSequence,
        ...(reportSequence === 1
          ? { started: { traceparent: "" }, events: [] }
          : { started: undefined, events: [event] }),
      },
      { timeoutMs: 60_000 },
    );
  };
  try {
    const watching = grants.map((grant, index) =>
      watch(grant, index).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      }),
    );
    await inFlight(50, TASKS, (index) => report(index, 1, ""));
    // The two states are QUEUED and RUNNING. From now on, every watcher waits for something new.
    await until(() => states === 2 * TASKS, "not every watcher saw its task running");

    const count = PER_SECOND * SECONDS;
    const tookMs = await steadily(count, report);
    await until(() => lateness.length === count, "not every event was seen");
    stop.abort();
    await Promise.all(watching);
    const [p50, p99, max] = [quantile(lateness, 0.5), quantile(lateness, 0.99), Math.max(...lateness)];
    say(
      `${TASKS} watchers, ${((count * 1000) / tookMs).toFixed(0)} events/s: late by p50 ${p50.toFixed(0)}, ` +
        `p99 ${p99.toFixed(0)}, at most ${max.toFixed(0)} ms`,
    );
    ratio("watch_lateness_max_vs_1s", max / 1000);
  } finally {
    stop.abort();
    client.close();
    await queue.close();
  }
}

/**
 * Reports on each task in turn, at the rate. The text is the time at which the report was due, so a report that had to
 * wait is late too.
 */
async function steadily(count: number, report: (index: number, sequence: number, text: string) => Promise<unknown>) {
  // Reports of one task go one after the other, as an executor sends them.
  const lasts: Promise<unknown>[] = [];
  const start = performance.now();
  for (let index = 0; index < count; index += 1) {
    const due = start + (index * 1000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    const [task, sequence] = [index % TASKS, 2 + Math.floor(index / TASKS)];
    lasts[task] = (lasts[task] ?? Promise.resolve()).then(() => report(task, sequence, String(due)));
  }
  await Promise.all(lasts);
  return performance.now() - start;
}

async function leaseTasks(url: string): Promise<readonly Grant[]> {
  const ours = await openOurs(url);
  try {
    await inFlight(50, TASKS, ours.enqueue);
    const mark = { executor: "ex-1", boot: "boot-1", sequence: 1n };
    await ours.store.sync({
      ...mark,
      draining: false,
      address: "",
      offers: [],
      held: [],
      leaseMs: LEASE_MS,
      again: false,
    });
    const grants = await ours.claim(mark, TASKS, LEASE_MS);
    if (grants.length !== TASKS) throw new Error("not every task was leased");
    return grants;
  } finally {
    await ours.close();
  }
}

function connect(address: string) {
  // By default, gRPC clients of one address share a connection.
  const channelOptions = { "grpc.use_local_subchannel_pool": 1 };
  const clients = Array.from({ length: CHANNELS }, () =>
    createClient(QueueServiceService, address, { channelOptions }),
  );
  return {
    of: (index: number) => pick(clients, index),
    close() {
      for (const client of clients) client.close();
    },
  };
}

async function until(check: () => boolean, fault: string): Promise<void> {
  const end = performance.now() + 30_000;
  while (!check()) {
    if (performance.now() > end) throw new Error(fault);
    await delay(10);
  }
}
