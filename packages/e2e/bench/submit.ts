// `make bench-submit`: measures SubmitTask at a steady rate through gateway, queue and an append-only Redis. It
// compares this in the same run with two things. The first is GetCapabilities of the same gateway over the same channel
// settings. The second is the same fleet with everything off that protects it: mTLS between the services, the limits at
// the gateway, and audit lines. The two fleets take turns. Before that, it compares ListTasks with GetTask.

import { readFile } from "node:fs/promises";
import { startWorld, type WorldOptions } from "@ccsp/e2e-kit/world.js";
import { createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import { NO_LIMITS } from "../src/no-limits.js";
import { median, ms, quantile } from "./quantile.js";
import { cpuMs, steadily } from "./steady-calls.js";

const PER_SECOND = unlessBrief(200, 20);
const SECONDS = unlessBrief(10);
const ROUNDS = unlessBrief(7);
const ROUND_SECONDS = unlessBrief(3);
const READ_SECONDS = unlessBrief(2);
const READERS = 16;

// Audit lines have the level info.
const PLAIN: WorldOptions = { plain: true, env: { ...NO_LIMITS, CCSP_LOG_LEVEL: "warn" } };

type Bench = Awaited<ReturnType<typeof startBench>>;
const open: Bench[] = [];
try {
  const secured = await startBench();
  open.push(secured);
  const bare = await steadily(secured.capabilities, PER_SECOND, SECONDS);
  const submitted = await steadily(secured.submit, PER_SECOND, SECONDS);
  for (const [name, times] of [
    ["GetCapabilities", bare],
    ["SubmitTask", submitted],
  ] as const) {
    console.log(`${name} at ${PER_SECOND}/s: p50 ${ms(times, 0.5)}, p95 ${ms(times, 0.95)}, p99 ${ms(times, 0.99)}`);
  }
  for (const { name, process: child } of secured.world.fleet.processes())
    console.log(`rss ${name} ${await rssMb(child.pid)} MB`);

  const reads = await compareReads();

  const plain = await startBench(PLAIN);
  open.push(plain);
  const rounds: { p95: number; cpu: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const order = round % 2 === 0 ? [plain, secured] : [secured, plain];
    const measured = new Map<Bench, { p95: number; cpuMs: number }>();
    for (const each of order) measured.set(each, await measure(each));
    const [off, on] = [measured.get(plain), measured.get(secured)];
    if (!off || !on) continue;
    rounds.push({ p95: on.p95 / off.p95, cpu: on.cpuMs / off.cpuMs });
    console.log(
      `round ${round + 1}: SubmitTask p95 plain ${off.p95.toFixed(1)} ms, secured ${on.p95.toFixed(1)} ms; CPU of gateway and queue ${off.cpuMs.toFixed(2)} ms, ${on.cpuMs.toFixed(2)} ms`,
    );
  }
  console.log(`ratio submit_p95_vs_capabilities ${(quantile(submitted, 0.95) / quantile(bare, 0.95)).toFixed(2)}`);
  console.log(`ratio submit_p95_vs_25ms ${(quantile(submitted, 0.95) / 25).toFixed(2)}`);
  console.log(`ratio submit_cpu_secured_vs_plain ${median(rounds.map(({ cpu }) => cpu)).toFixed(2)}`);
  console.log(`ratio submit_p95_secured_vs_plain ${median(rounds.map(({ p95 }) => p95)).toFixed(2)}`);
  console.log(`ratio list_tasks_vs_get_task ${reads.toFixed(2)}`);
} finally {
  for (const each of open) await each.close();
}

async function startBench(options: WorldOptions = {}) {
  const world = await startWorld({ ...options, engine: "scripted", slots: 1 });
  const client = createClient(AgentServiceService, world.fleet.gatewayAddress);
  const metadata = { authorization: `Bearer ${await world.token("bench")}` };
  const submit = (prompt: string) => () =>
    client.submitTask({ spec: TaskSpec.fromPartial({ prompt }), requestId: "" }, { metadata });
  // This task takes the only slot, so that engines do not compete with the measured calls.
  const { task } = await submit("[[hang]]")();
  await steadily(submit("warm up"), PER_SECOND, 2);
  const submitCommon = submit("a prompt of common size ".repeat(12));
  await steadily(submitCommon, PER_SECOND, 1);
  return {
    world,
    submit: submitCommon,
    list: () => client.listTasks({ pageSize: 20, pageToken: "", filter: undefined }, { metadata }),
    get: () => client.getTask({ taskId: task?.id ?? "" }, { metadata }),
    capabilities: () => client.getCapabilities({}, { metadata }),
    async close() {
      client.close();
      await world.close();
    },
  };
}

/**
 * How many calls of ListTasks with 20 tasks are answered a second, and how many of GetTask, by turns. Returns their
 * ratio. The fleet is secured but has no limits: one caller may not make as many calls as the gateway can answer.
 */
async function compareReads(): Promise<number> {
  const bench = await startBench({ env: NO_LIMITS });
  const ratios: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const lists = await inFlight(bench.list, READ_SECONDS);
      const gets = await inFlight(bench.get, READ_SECONDS);
      ratios.push(lists / gets);
      console.log(`round ${round + 1}: ListTasks of 20 ${lists.toFixed(0)}/s, GetTask ${gets.toFixed(0)}/s`);
    }
  } finally {
    await bench.close();
  }
  return median(ratios);
}

/** Calls with `READERS` open calls at each moment. Returns the answered calls a second. */
async function inFlight(call: () => Promise<unknown>, seconds: number): Promise<number> {
  const end = performance.now() + seconds * 1_000;
  let answered = 0;
  const reader = async (): Promise<void> => {
    while (performance.now() < end) {
      await call();
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return answered / seconds;
}

/** The p95 of a round, and the CPU time that one SubmitTask took of gateway and queue. */
async function measure({ world, submit }: Bench): Promise<{ p95: number; cpuMs: number }> {
  const before = await cpuMs(world);
  const times = await steadily(submit, PER_SECOND, ROUND_SECONDS);
  return { p95: quantile(times, 0.95), cpuMs: ((await cpuMs(world)) - before) / times.length };
}

async function rssMb(pid: number | undefined): Promise<number> {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024);
}
