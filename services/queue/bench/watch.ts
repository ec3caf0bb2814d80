import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import { inFlight, quantile } from "./measure.js";
import { ENGINE, ORDER, openOurs } from "./ours.js";
import { startQueue } from "./processes.js";
import type { Report } from "./report.js";

const TASKS = 1_000;
const PER_SECOND = 2_000;
const SECONDS = 10;
const CHANNELS = 4;
const LEASE_MS = 600_000;

/** 1,000 running tasks, each with a watcher at the queue; events are reported at a steady rate, over gRPC as well. */
export async function benchWatch(url: string, { say, ratio }: Report): Promise<void> {
  const ours = await openOurs(url);
  const queue = await startQueue(url);
  // Clients of one address share a connection unless they are told not to.
  const clients = Array.from({ length: CHANNELS }, () =>
    createClient(QueueServiceService, queue.address, { channelOptions: { "grpc.use_local_subchannel_pool": 1 } }),
  );
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  try {
    await inFlight(50, TASKS, ours.enqueue);
    const mark = { executor: "ex-1", boot: "boot-1", sequence: 1n };
    await ours.store.sync({ ...mark, draining: false, held: [], leaseMs: LEASE_MS, again: false });
    const grants = await ours.store.claim({
      ...{ ...mark, engine: ENGINE, count: TASKS, leaseMs: LEASE_MS, maxBytes: 1e8, order: ORDER },
    });
    if (grants === "stale" || grants.length !== TASKS) throw new Error("not every task was leased");

    const lateness: number[] = [];
    let states = 0;
    const client = (index: number) => clients[index % CHANNELS] ?? clients[0];
    const watch = async (taskId: string, agentId: string, index: number) => {
      for await (const { event } of client(index)?.watch({ taskId, agentId }, { signal: stop.signal }) ?? []) {
        if (event?.event?.$case === "stateChanged") states += 1;
        if (event?.event?.$case === "textDelta") lateness.push(performance.now() - Number(event.event.value.text));
      }
    };
    const watching = grants.map(({ task }, index) =>
      watch(task.id, task.agent, index).catch((error: unknown) => {
        if (!stop.signal.aborted) throw error;
      }),
    );
    await inFlight(50, TASKS, async (index) => {
      const grant = grants[index];
      if (grant === undefined) return;
      await client(index)?.report({
        ...{ taskId: grant.task.id, fence: BigInt(grant.fence), reportSequence: 1, events: [] },
        started: { traceparent: "", engineVersion: "" },
      });
    });
    // QUEUED and RUNNING: from now on every watcher waits for what is new.
    await until(() => states === 2 * TASKS, "not every watcher saw its task running");

    const reports: Promise<unknown>[] = [];
    const [count, start] = [PER_SECOND * SECONDS, performance.now()];
    for (let report = 0; report < count; report += 1) {
      const due = start + (report * 1000) / PER_SECOND;
      const early = due - performance.now();
      if (early > 0) await delay(early);
      const grant = grants[report % TASKS];
      if (grant === undefined) continue;
      const text = TaskEvent.fromPartial({ event: { $case: "textDelta", value: { text: String(due) } } });
      reports.push(
        client(report)?.report(
          {
            ...{ taskId: grant.task.id, fence: BigInt(grant.fence), reportSequence: 2 + Math.floor(report / TASKS) },
            events: [text],
          },
          { timeoutMs: 60_000 },
        ) ?? Promise.resolve(),
      );
    }
    await Promise.all(reports);
    const reportedMs = performance.now() - start;
    await until(() => lateness.length === PER_SECOND * SECONDS, "not every event was seen");
    stop.abort();
    await Promise.all(watching);
    const [p50, p99, max] = [quantile(lateness, 0.5), quantile(lateness, 0.99), Math.max(...lateness)];
    say(
      `${TASKS} watchers, ${((lateness.length * 1000) / reportedMs).toFixed(0)} events/s: late by p50 ${p50.toFixed(0)}, ` +
        `p99 ${p99.toFixed(0)}, at most ${max.toFixed(0)} ms`,
    );
    ratio("watch_lateness_max_vs_1s", max / 1000);
  } finally {
    stop.abort();
    for (const each of clients) each.close();
    await queue.close();
    await ours.close();
  }
}

async function until(check: () => boolean, fault: string): Promise<void> {
  const end = performance.now() + 30_000;
  while (!check()) {
    if (performance.now() > end) throw new Error(fault);
    await delay(10);
  }
}
