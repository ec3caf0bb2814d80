// `make bench-strangers`: measures how much an honest agent suffers from another agent on the same fleet. It compares
// three cases: the fleet is idle; the other agent starts and cancels 320 watches per second over ten connections; the
// other agent has 200 watchers of a large answer that read nothing.
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

const SECONDS = 8;
const HONEST_PER_SECOND = 50;
const CONNECTIONS = 10;
const GIVEN_UP_PER_SECOND = 320;
const WATCHERS = 200;
const ANSWER = "3MB";
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

    const attacker = fork(fileURLToPath(import.meta.url), ["attack"], {
      env: {
        ...process.env,
        ATTACK: JSON.stringify({
          address: world.fleet.gatewayAddress,
          token: await world.token("mallory"),
          taskId: waiting,
        }),
      },
    });
    let outcomes: unknown;
    attacker.on("message", (message) => (outcomes = message));
    await once(attacker, "message");
    const attacked = await steadily(() => client.getTask({ taskId }, honest));
    attacker.send("stop");
    await once(attacker, "exit");

    const before = await rss(world);
    const readers = Array.from({ length: WATCHERS }, () =>
      readNothing(world.fleet.gatewayAddress, large, mallory.metadata.authorization),
    );
    await delay(3_000);
    const unread = await steadily(() => client.getTask({ taskId }, honest));
    const after = await rss(world);
    for (const reader of readers) reader.close();

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
  const body = requestSerialize({ taskId, afterSequence: 0 });
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
  return { close: () => session.destroy() };
}

/**
 * Calls at a steady rate, also while earlier calls are still open. Returns the durations in ms, sorted. Each counts
 * from the moment when the call was due.
 */
async function steadily(call: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  const faults = new Set<string>();
  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; index < HONEST_PER_SECOND * SECONDS; index += 1) {
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
  return times.sort((a, b) => a - b);
}

async function rss(world: World): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const { name, process: child } of world.fleet.processes()) {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8");
    sizes.set(name, Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024));
  }
  return sizes;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.floor(sorted.length * q)] ?? Number.NaN;
}

function ms(sorted: readonly number[], q: number): string {
  return `${quantile(sorted, q).toFixed(1)} ms`;
}
