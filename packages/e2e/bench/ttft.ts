// `make bench-ttft`: measures the time from a prompt to its first text through the whole fleet, with and without a warm
// process. It compares this with `claude -p` alone, with the same fleet whose runs hold their login, and with one whose
// runs have no sandbox. It also compares 40 tasks at once with 40 CLIs at once. One simulator serves each fleet.

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

const FLEETS = {
  brokered: {},
  unbrokered: { CCSP_EXECUTOR_BROKER: "off" },
  unconfined: { CCSP_EXECUTOR_SANDBOX: "off" },
} as const satisfies Record<string, Readonly<Record<string, string>>>;
type Fleet = keyof typeof FLEETS;
const NAMES = ["brokered", "unbrokered", "unconfined"] as const satisfies Fleet[];

const close: (() => unknown)[] = [];
async function open(name: Fleet) {
  const world = await startWorld({ slots: SLOTS, env: { CCSP_EXECUTOR_WARM: String(WARM), ...FLEETS[name] } });
  close.push(() => world.close());
  const executor = executorClient(world);
  close.push(() => executor.close());
  return { world, executor, client: world.client("bench") };
}
try {
  const fleets = {
    brokered: await open("brokered"),
    unbrokered: await open("unbrokered"),
    unconfined: await open("unconfined"),
  };
  const executors = Object.values(fleets).map(({ executor }) => executor);
  const { client, world } = fleets.brokered;
  let kinds = 0;
  // A task of a new kind finds no warm process. The different turn limit makes the kind new, and no task reaches the
  // limit.
  const ownKind = () => ({ turns: 1_000 + ++kinds });
  for (const each of Object.values(fleets)) for (let i = 0; i <= WARM; i++) await throughCcsp(each.client);
  await runDirectly(world.simulator, PROMPT);

  const status = await fleets.brokered.executor.getExecutorStatus({});
  console.log(status.sandbox?.confined ? "each run in a sandbox" : `no sandbox: ${status.sandbox?.reason}`);
  console.log(status.engines[0]?.brokered ? "the login is out of the runs" : "the login is in the runs");
  const direct: number[] = [];
  const none = (): Record<Fleet, number[]> => ({ brokered: [], unbrokered: [], unconfined: [] });
  const [cold, warm] = [none(), none()];
  for (let round = 0; round < ROUNDS; round++) {
    await allWait(executors);
    direct.push((await runDirectly(world.simulator, PROMPT)).firstTextMs);
    // What comes after another may find the machine in another state.
    for (const name of round % 2 ? NAMES.toReversed() : NAMES) {
      await allWait(executors);
      cold[name].push(await throughCcsp(fleets[name].client, ownKind()));
      await allWait(executors);
      warm[name].push(await throughCcsp(fleets[name].client));
    }
  }
  console.log(`load average ${loadavg()[0]?.toFixed(1)}; each by turns, ${ROUNDS} rounds; ms to the first text`);
  const show = (name: string, each: readonly number[]) =>
    console.log(`${name}: p50 ${quantile(each, 0.5).toFixed(0)}, p95 ${quantile(each, 0.95).toFixed(0)}`);
  show("direct", direct);
  for (const name of NAMES) {
    show(`cold, ${name}`, cold[name]);
    show(`warm, ${name}`, warm[name]);
  }

  const ratio = (name: string, value: number) => console.log(`ratio ${name} ${value.toFixed(2)}`);
  for (const [kind, times] of Object.entries({ warm, cold })) {
    ratio(`ttft_${kind}_vs_direct`, medianRatio(times.brokered, direct));
    ratio(`ttft_${kind}_vs_direct_unconfined`, medianRatio(times.unconfined, direct));
    ratio(`ttft_${kind}_sandbox_vs_none`, medianRatio(times.brokered, times.unconfined));
    ratio(`ttft_${kind}_brokered_vs_not`, medianRatio(times.brokered, times.unbrokered));
  }

  const bursts: Record<"ours" | "theirs", number[]> = { ours: [], theirs: [] };
  for (let round = 0; round < BURST_ROUNDS; round++) {
    await allWait(executors);
    const ours = await timed(() => throughCcsp(client));
    const theirs = await timed(() => runDirectly(world.simulator, PROMPT));
    bursts.ours.push(ours);
    bursts.theirs.push(theirs);
    console.log(`${BURST} at once: through CCSP ${seconds(ours)}, all CLIs started at once ${seconds(theirs)}`);
  }

  ratio("burst40_vs_unqueued", medianRatio(bursts.ours, bursts.theirs));
} finally {
  for (const each of close.toReversed()) await each();
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
async function allWait(executors: readonly ReturnType<typeof executorClient>[]): Promise<void> {
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
