// `make bench-strangers`: measures how much an honest agent suffers from others on the same fleet. It compares these
// cases with an idle fleet: another agent starts and cancels 320 watches per second over ten connections; another agent
// has 200 watchers of a large answer that read nothing; and each attack of `attacks.ts`, which comes from another address
// and takes turns with the idle fleet.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CallError, createClient } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { startWorld, type World } from "../src/world.js";
import { ATTACK_NAMES } from "./attacks.js";
import { median, ms, quantile } from "./quantile.js";

const SECONDS = 8;
const ROUNDS = 3;
const ROUND_SECONDS = 4;
const HONEST_PER_SECOND = 50;
const CONNECTIONS = 10;
const GIVEN_UP_PER_SECOND = 320;
const WATCHERS = 200;
const ANSWER = "3MB";
const ATTACKS_FILE = new URL("attacks.ts", import.meta.url).href;
/** By default all clients of a process share one connection. */
const OWN_CONNECTION = { channelOptions: { "grpc.use_local_subchannel_pool": 1 } };

if (process.argv[2] === "attack") await attack();
else await measure();

async function measure(): Promise<void> {
  const world = await startWorld({ engine: "scripted", slots: 1 });
  const open: { close(): void }[] = [];
  const own = <C extends { close(): void }>(each: C): C => (open.push(each), each);
  const connected = () => own(createClient(AgentServiceService, world.fleet.gatewayAddress, OWN_CONNECTION));
  const as = async (agent: string) => {
    return { metadata: { authorization: `Bearer ${await world.token(agent)}` } };
  };
  try {
    const [honest, mallory] = [await as("honest"), await as("mallory")];
    const client = connected();
    const submit = async (prompt: string, who: typeof honest) =>
      (await client.submitTask({ spec: TaskSpec.fromPartial({ prompt }) }, who)).task?.id ?? "";

    const large = await submit(`[[flood:${ANSWER}]]`, mallory);
    for await (const _ of client.watchTask({ taskId: large }, mallory));
    const taskId = await submit("[[hang]]", honest);
    const waiting = await submit("waits", mallory);

    await steadily(() => client.getTask({ taskId }, honest));
    const idle = await steadily(() => client.getTask({ taskId }, honest));

    const target = { address: world.fleet.gatewayAddress, token: await world.token("mallory"), taskId: waiting };
    const { measured: attacked, outcomes } = await during(import.meta.url, ["attack"], target, () =>
      steadily(() => client.getTask({ taskId }, honest)),
    );

    const before = await rss(world);
    const readers = Array.from({ length: WATCHERS }, () =>
      readNothing(world.fleet.gatewayAddress, large, mallory.metadata.authorization),
    );
    await delay(3_000);
    const unread = await steadily(() => client.getTask({ taskId }, honest));
    const after = await rss(world);
    for (const reader of readers) reader.close();

    const ratios: string[] = [];
    for (const name of ATTACK_NAMES) {
      const measured = await besides(name, { world, ...target }, () => client.getTask({ taskId }, honest));
      ratios.push(`ratio honest_p99_${name}_vs_idle ${measured.toFixed(2)}`);
    }

    for (const [name, times] of [
      ["idle", idle],
      ["given up", attacked],
      ["unread", unread],
    ] as const) {
      console.log(
        `GetTask of the honest agent, ${name}: p50 ${ms(times, 0.5)}, p99 ${ms(times, 0.99)}, ${times.length} of ${HONEST_PER_SECOND * SECONDS}`,
      );
    }
    console.log(`watch and give up: ${JSON.stringify(outcomes)}`);
    for (const [name, mb] of after)
      console.log(`rss ${name}: ${before.get(name)} MB, with ${WATCHERS} unread watches of ${ANSWER} ${mb} MB`);
    console.log(`ratio honest_p99_given_up_vs_idle ${(quantile(attacked, 0.99) / quantile(idle, 0.99)).toFixed(2)}`);
    console.log(`ratio honest_p99_unread_vs_idle ${(quantile(unread, 0.99) / quantile(idle, 0.99)).toFixed(2)}`);
    for (const ratio of ratios) console.log(ratio);
  } finally {
    for (const each of open) each.close();
    await world.close();
  }
}

/**
 * Starts and cancels watches over its own connections until it gets the message to stop. Then it reports the outcomes.
 */
async function attack(): Promise<void> {
  const { address, token, taskId }: { address: string; token: string; taskId: string } = JSON.parse(
    process.env["ATTACK"] ?? "",
  );
  const metadata = { authorization: `Bearer ${token}` };
  const outcomes: Record<string, number> = {};
  const stop = new AbortController();
  process.once("message", () => stop.abort());
  process.send?.("begun");
  const clients = Array.from({ length: CONNECTIONS }, () => createClient(AgentServiceService, address, OWN_CONNECTION));
  const watchAndLeave = async (client: (typeof clients)[number]): Promise<string> => {
    for await (const _ of client.watchTask({ taskId }, { metadata })) return "watched";
    return "ended";
  };
  for (let i = 0; !stop.signal.aborted; i++) {
    const client = clients[i % CONNECTIONS];
    if (client) {
      watchAndLeave(client)
        .catch((error: unknown) => (error instanceof CallError ? String(error.reason) : "failed"))
        .then(
          (outcome) => void (outcomes[outcome] = (outcomes[outcome] ?? 0) + 1),
          () => undefined,
        );
    }
    await delay(1_000 / GIVEN_UP_PER_SECOND);
  }
  for (const client of clients) client.close();
  process.send?.(outcomes);
  process.disconnect();
}

/**
 * Measures the honest agent's call without and with an attack, in turns. Returns the median of the rounds' ratios of
 * their p99.
 */
async function besides(
  attackName: string,
  { world, address, token, taskId }: { world: World; address: string; token: string; taskId: string },
  call: () => Promise<unknown>,
): Promise<number> {
  const [host, port] = address.split(":");
  const ratios: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const idle = await steadily(call, ROUND_SECONDS);
    const target = { host, port: Number(port), token, taskId };
    const { measured, outcomes } = await during(ATTACKS_FILE, [attackName], target, async () => ({
      attacked: await steadily(call, ROUND_SECONDS),
      gatewayMb: (await rss(world)).get("gateway"),
    }));
    const { attacked, gatewayMb } = measured;
    ratios.push(quantile(attacked, 0.99) / quantile(idle, 0.99));
    console.log(
      `${attackName}, round ${round}: p99 idle ${ms(idle, 0.99)}, attacked ${ms(attacked, 0.99)}; gateway ${gatewayMb} MB; ${JSON.stringify(outcomes)}`,
    );
  }
  return median(ratios);
}

/** Measures while a process of this file attacks. Resolves to what was measured, and to what the attacker says it did. */
async function during<T>(
  file: string,
  args: readonly string[],
  target: object,
  measureThen: () => Promise<T>,
): Promise<{ measured: T; outcomes: unknown }> {
  const attacker = fork(fileURLToPath(file), args, { env: { ...process.env, ATTACK: JSON.stringify(target) } });
  let outcomes: unknown;
  attacker.on("message", (message) => (outcomes = message));
  await once(attacker, "message");
  const measured = await measureThen();
  const ended = once(attacker, "exit");
  attacker.send("stop");
  await ended;
  return { measured, outcomes };
}

/** Opens a watch and never opens its flow-control window again. */
function readNothing(address: string, taskId: string, authorization: string): { close(): void } {
  const session = connect(`http://${address}`);
  session.on("error", () => undefined);
  const { path, requestSerialize } = AgentServiceService.watchTask;
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    authorization,
  });
  stream.on("error", () => undefined);
  const body = requestSerialize({ taskId, afterSequence: 0, untilNow: false });
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  return { close: () => session.destroy() };
}

/**
 * Calls at a steady rate, also while earlier calls are still open. Returns the durations in ms. Each counts from
 * the moment when the call was due.
 */
async function steadily(call: () => Promise<unknown>, seconds = SECONDS): Promise<number[]> {
  const times: number[] = [];
  const faults = new Set<string>();
  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; index < HONEST_PER_SECOND * seconds; index += 1) {
    const due = start + (index * 1000) / HONEST_PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    calls.push(
      call().then(
        () => void times.push(performance.now() - due),
        (error: unknown) => void faults.add(String(error)),
      ),
    );
  }
  await Promise.all(calls);
  for (const fault of faults) console.log(`the honest agent met ${fault}`);
  return times;
}

async function rss(world: World): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const { name, process: child } of world.fleet.processes()) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    sizes.set(name, Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024));
  }
  return sizes;
}
