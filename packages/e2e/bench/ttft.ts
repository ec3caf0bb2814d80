// `make bench-ttft`: measures the time from a prompt to its first text through the whole fleet, with and without a warm
// process. It compares this with `claude -p` alone, and with the same fleet whose runs have no sandbox. It also
// compares 40 tasks at once with 40 CLIs at once. One simulator serves each fleet.

import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { CcspClient } from "@ccsp/client";
import { executorClient } from "@ccsp/e2e-kit/internal-clients.js";
import { startWorld } from "@ccsp/e2e-kit/world.js";
import { unlessBrief } from "@ccsp/testkit";
import { runDirectly } from "./direct-cli.js";
import { median, quantile } from "./quantile.js";

const ROUNDS = unlessBrief(12);
const BURST_ROUNDS = unlessBrief(3);
const BURST = unlessBrief(40, 3);
/** Two cores can run this many. With four slots, the burst takes a tenth longer. */
const SLOTS = 3;
/** The default of the setting. */
const WARM = 2;
/** After this time a warm process has finished its start and is idle. */
const SETTLE_MS = 1_000;
const PROMPT = '[[sim:text value="one two three four"]]';

const open = (sandbox: string) =>
  startWorld({ slots: SLOTS, env: { CCSP_EXECUTOR_WARM: String(WARM), CCSP_EXECUTOR_SANDBOX: sandbox } });
const world = await open("auto");
const plain = await open("off");
const executors = [executorClient(world), executorClient(plain)];
try {
  const client = world.client("bench");
  const unconfined = plain.client("bench");
  let kinds = 0;
  // A task of a new kind finds no warm process. The different turn limit makes the kind new, and no task reaches the
  // limit.
  const ownKind = () => ({ turns: 1_000 + ++kinds });
  for (const each of [client, unconfined]) for (let i = 0; i <= WARM; i++) await throughCcsp(each);
  await runDirectly(world.simulator, PROMPT);

  const [status] = await Promise.all(executors.map((each) => each.getExecutorStatus({})));
  console.log(status?.sandbox?.confined ? "each run in a sandbox" : `no sandbox: ${status?.sandbox?.reason}`);
  const times: Record<"direct" | "cold" | "warm" | "coldUnconfined" | "warmUnconfined", number[]> = {
    direct: [],
    cold: [],
    warm: [],
    coldUnconfined: [],
    warmUnconfined: [],
  };
  for (let round = 0; round < ROUNDS; round++) {
    await allWait();
    times.direct.push((await runDirectly(world.simulator, PROMPT)).firstTextMs);
    times.cold.push(await throughCcsp(client, ownKind()));
    await allWait();
    times.warm.push(await throughCcsp(client));
    await allWait();
    times.coldUnconfined.push(await throughCcsp(unconfined, ownKind()));
    await allWait();
    times.warmUnconfined.push(await throughCcsp(unconfined));
  }
  console.log(`load average ${loadavg()[0]?.toFixed(1)}; each by turns, ${ROUNDS} rounds; ms to the first text`);
  for (const [name, each] of Object.entries(times)) {
    console.log(`${name}: p50 ${quantile(each, 0.5).toFixed(0)}, p95 ${quantile(each, 0.95).toFixed(0)}`);
  }

  const ratio = (name: string, value: number) => console.log(`ratio ${name} ${value.toFixed(2)}`);
  ratio("ttft_warm_vs_direct", medianRatio(times.warm, times.direct));
  ratio("ttft_cold_vs_direct", medianRatio(times.cold, times.direct));
  ratio("ttft_warm_vs_direct_unconfined", medianRatio(times.warmUnconfined, times.direct));
  ratio("ttft_cold_vs_direct_unconfined", medianRatio(times.coldUnconfined, times.direct));
  ratio("ttft_warm_sandbox_vs_none", medianRatio(times.warm, times.warmUnconfined));
  ratio("ttft_cold_sandbox_vs_none", medianRatio(times.cold, times.coldUnconfined));

  const bursts: Record<"ours" | "theirs", number[]> = { ours: [], theirs: [] };
  for (let round = 0; round < BURST_ROUNDS; round++) {
    await allWait();
    const ours = await timed(() => throughCcsp(client));
    const theirs = await timed(() => runDirectly(world.simulator, PROMPT));
    bursts.ours.push(ours);
    bursts.theirs.push(theirs);
    console.log(`${BURST} at once: through CCSP ${seconds(ours)}, all CLIs started at once ${seconds(theirs)}`);
  }

  ratio("burst40_vs_unqueued", medianRatio(bursts.ours, bursts.theirs));
} finally {
  for (const each of executors) each.close();
  await plain.close();
  await world.close();
}

/** Runs a task to its end. Resolves to the ms from the call to its first text. */
async function throughCcsp(agent: CcspClient, limits: { readonly turns?: number } = {}): Promise<number> {
  const start = performance.now();
  let firstMs = Number.NaN;
  for await (const event of agent.run({ prompt: PROMPT, engine: "claude-code", limits })) {
    if (event.type === "text" && Number.isNaN(firstMs)) firstMs = performance.now() - start;
    if (event.type === "ended" && event.state !== "SUCCEEDED") throw new Error(`a task ended ${event.state}`);
  }
  return firstMs;
}

/** Resolves when all warm processes wait and are idle. */
async function allWait(): Promise<void> {
  const started = performance.now();
  for (;;) {
    const all = await Promise.all(executors.map(async (each) => (await each.getExecutorStatus({})).engines[0]));
    if (all.every((status) => status?.warm === WARM && status.running === 0)) return await delay(SETTLE_MS);
    const seen = all.map((status) => status?.warm).join(" and ");
    if (performance.now() - started > 60_000) throw new Error(`${seen} processes wait, not ${WARM}`);
    await delay(100);
  }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await Promise.all(Array.from({ length: BURST }, run));
  return performance.now() - start;
}

/** The median of the ratio of each round, because the load of the machine changes from round to round. */
function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
