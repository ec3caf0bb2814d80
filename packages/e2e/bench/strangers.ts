// `make bench-strangers`: measures how much an honest agent suffers from others on the same fleet. Each attack of
// `attacks.ts` comes from another address and takes turns with the idle fleet. The honest agent and the attacker are
// processes of their own. `ONLY=unread,given_up` measures only these attacks.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { unlessBrief } from "@ccsp/testkit";
import { ATTACK_NAMES, type Target } from "./attacks.js";
import type { HonestAgent, Measured } from "./honest.js";
import { median, ms, quantile } from "./quantile.js";

const ROUNDS = unlessBrief(3);
const ROUND_SECONDS = unlessBrief(4);
const ANSWER = "3MB";

const world = await startWorld({ engine: "scripted", slots: 1 });
const client = createClient(AgentServiceService, world.fleet.gatewayAddress);
let honest: ChildProcess | undefined;
try {
  const only = process.env["ONLY"]?.split(",") ?? ATTACK_NAMES;
  const mallory = await world.token("mallory");
  const token = await world.token("honest");
  const submit = async (prompt: string, of: string) => {
    const metadata = { authorization: `Bearer ${of}` };
    return (await client.submitTask({ spec: TaskSpec.fromPartial({ prompt }) }, { metadata })).task?.id ?? "";
  };
  const largeTaskId = await submit(`[[flood:${ANSWER}]]`, mallory);
  let end = 0;
  const owner = { metadata: { authorization: `Bearer ${mallory}` } };
  for await (const { event } of client.watchTask({ taskId: largeTaskId }, owner)) end = event?.sequence ?? end;
  const agent = { address: world.fleet.gatewayAddress, token, taskId: await submit("[[hang]]", token) };
  const [host = "", port] = world.fleet.gatewayAddress.split(":");
  const taskId = await submit("waits", mallory);
  const large = { taskId: largeTaskId, afterSequence: end - 1 };
  const target: Target = { host, port: Number(port), token: mallory, taskId, large };

  honest = await started("honest.ts", [], agent satisfies HonestAgent);
  const measure = () => measuredBy(honest);
  // The first calls are slower, because the engine has not compiled the code yet.
  await measure();
  const ratios: string[] = [];
  for (const name of only) {
    const ratio = await besides(name, { world, target, measure });
    ratios.push(`ratio honest_p99_${name}_vs_idle ${ratio.toFixed(2)}`);
  }
  for (const ratio of ratios) console.log(ratio);
} finally {
  honest?.disconnect();
  client.close();
  await world.close();
}

/**
 * Measures the honest agent's call without and with an attack, in turns. Returns the median of the rounds' ratios of
 * their p99.
 */
async function besides(
  name: string,
  { world, target, measure }: { world: World; target: Target; measure: () => Promise<number[]> },
): Promise<number> {
  const ratios: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const idle = await measure();
    const before = await rss(world);
    const attacker = await started("attacks.ts", [name], target);
    const attacked = await measure();
    const after = await rss(world);
    const outcomes = once(attacker, "message");
    const exit = once(attacker, "exit");
    attacker.send("stop");
    const [did]: unknown[] = await outcomes;
    await exit;
    // The end of an attack may be the worst of it. Also, the next round must begin with an idle fleet.
    const afterwards = await measure();
    ratios.push(Math.max(quantile(attacked, 0.99), quantile(afterwards, 0.99)) / quantile(idle, 0.99));
    const memory = [...before].map(([each, size]) => `${each} ${size} to ${after.get(each)} MB`);
    console.log(
      `${name}, round ${round}: p99 idle ${ms(idle, 0.99)}, attacked ${ms(attacked, 0.99)}, afterwards ${ms(afterwards, 0.99)}; ${memory.join(", ")}; ${JSON.stringify(did)}`,
    );
  }
  return median(ratios);
}

async function measuredBy(agent: ChildProcess | undefined): Promise<number[]> {
  if (!agent) throw new Error("the honest agent has not begun");
  const answer = once(agent, "message");
  agent.send(ROUND_SECONDS);
  const [measured]: Measured[] = await answer;
  const { times = [], faults = [] } = measured ?? {};
  for (const fault of faults) console.log(`the honest agent met ${fault}`);
  return times;
}

/** Starts a process of this folder, and waits until it has begun. */
async function started(file: string, args: readonly string[], target: object): Promise<ChildProcess> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(path, args, { env: { ...process.env, ATTACK: JSON.stringify(target) } });
  await once(child, "message");
  return child;
}

async function rss(world: World): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const { name, process: child } of world.fleet.processes()) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    sizes.set(name, Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024));
  }
  return sizes;
}
