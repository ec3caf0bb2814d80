// `make bench-submit`: measures SubmitTask at a steady rate through gateway, queue and an append-only Redis. It
// compares this in the same run with GetCapabilities of the same gateway over the same channel settings.
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { startWorld } from "../src/world.js";

const PER_SECOND = 200;
const SECONDS = 10;

const world = await startWorld({ engine: "scripted", slots: 1 });
const client = createClient(AgentServiceService, world.fleet.gatewayAddress);
try {
  const metadata = { authorization: `Bearer ${await world.token("bench")}` };
  const submit = (prompt: string) => () =>
    client.submitTask({ spec: TaskSpec.fromPartial({ prompt }), requestId: "" }, { metadata });
  // This task takes the only slot, so that engines do not compete with the measured calls.
  await submit("[[hang]]")();
  await steadily(submit("warm up"), 2);

  const bare = await steadily(() => client.getCapabilities({}, { metadata }), SECONDS);
  const submitted = await steadily(submit("a prompt of common size ".repeat(12)), SECONDS);
  for (const [name, times] of [
    ["GetCapabilities", bare],
    ["SubmitTask", submitted],
  ] as const) {
    console.log(`${name} at ${PER_SECOND}/s: p50 ${ms(times, 0.5)}, p95 ${ms(times, 0.95)}, p99 ${ms(times, 0.99)}`);
  }
  for (const { name, process: child } of world.fleet.processes())
    console.log(`rss ${name} ${await rssMb(child.pid)} MB`);
  console.log(`ratio submit_p95_vs_capabilities ${(quantile(submitted, 0.95) / quantile(bare, 0.95)).toFixed(2)}`);
  console.log(`ratio submit_p95_vs_25ms ${(quantile(submitted, 0.95) / 25).toFixed(2)}`);
} finally {
  client.close();
  await world.close();
}

/** Calls at a steady rate, also while earlier calls are still open. Returns the durations in ms, sorted. */
async function steadily(call: () => Promise<unknown>, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; index < PER_SECOND * seconds; index += 1) {
    const due = start + (index * 1000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    calls.push(
      (async () => {
        await call();
        // Counts from the moment when the call was due, because a caller that could not keep the rate must not hide the
        // wait.
        times.push(performance.now() - due);
      })(),
    );
  }
  await Promise.all(calls);
  return times.sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.floor(sorted.length * q)] ?? Number.NaN;
}

function ms(sorted: readonly number[], q: number): string {
  return `${quantile(sorted, q).toFixed(1)} ms`;
}

async function rssMb(pid: number | undefined): Promise<number> {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}
