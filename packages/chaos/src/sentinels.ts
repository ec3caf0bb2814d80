import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { ask } from "./redis-nodes.js";
import type { Storage } from "./storage.js";

const REPLICAS = 2;
const DOWN_AFTER_MS = 1_500;
const PATIENCE = { timeoutMs: 45_000, what: "a master with two replicas" };
const TAKEOVER = { timeoutMs: 30_000, what: "another master" };
/** Twice the time after which Sentinel gives up a failover. */
const ONE_MOVE = { timeoutMs: 12_000, what: "the end of one failover" };

/**
 * Starts a master, two replicas and three Sentinels. The master accepts no write while no replica is connected. The
 * queue answers a call only when both replicas have the change, for two reasons. Sentinel may choose either of them.
 * And a replica that Sentinel has not informed yet still follows a master that was replaced.
 */
export async function startSentinels(): Promise<Storage> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-chaos-sentinel-"));
  const settings = ["--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "5"];
  const nodes = await Promise.all([0, 1, 2].map(() => startRedis({ appendOnly: true, args: settings })));
  const [master, ...others] = nodes;
  assert.ok(master);
  // A command and not a setting: a node that restarts is then not a replica until a Sentinel makes it one.
  for (const { port } of others) await ask(port, (client) => client.replicaof("127.0.0.1", master.port));
  await whole(nodes);

  const sentinels = await Promise.all(
    [0, 1, 2].map(async (index) => {
      const configFile = join(dir, `sentinel-${index}.conf`);
      const lines = [
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds main ${DOWN_AFTER_MS}`,
        "sentinel failover-timeout main 6000",
        "sentinel parallel-syncs main 2",
      ];
      await writeFile(configFile, `${lines.join("\n")}\n`);
      return startRedis({ port: await freePort(), dir, configFile, args: ["--sentinel"] });
    }),
  );
  const known = async (): Promise<void> => {
    for (const { port } of sentinels) {
      const [found] = await ask(port, async (client) => [String(await client.call("info", "sentinel"))]);
      assert.match(found ?? "", /status=ok,address=127\.0\.0\.1:\d+,slaves=2,sentinels=3/);
    }
  };
  await eventually(known, PATIENCE);

  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
  return {
    links: [],
    urlFor: async () => `redis+sentinel://${hosts}/main`,
    settings: { CCSP_QUEUE_DURABILITY: "replicated", CCSP_QUEUE_REPLICAS: String(REPLICAS) },
    faults: [
      { name: "restart redis", weight: 2, make: () => restart(nodes) },
      { name: "kill redis master", weight: 1, make: () => killMaster(nodes) },
      { name: "kill redis master and replica", weight: 1, make: () => killAllButOne(nodes) },
      { name: "hang redis master", weight: 1, make: () => hangMaster(nodes) },
      { name: "move redis master", weight: 1, make: () => moveMaster(nodes, sentinels) },
    ],
    currentUrl: async () => (await masterOf(nodes)).url,
    async close() {
      await Promise.all([...sentinels, ...nodes].map((server) => server.stop()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function restart(nodes: readonly RedisServer[]): Promise<void> {
  await whole(nodes);
  const master = await masterOf(nodes);
  await master.kill9();
  await master.restart();
}

const BEHIND_MS = 300;

/**
 * Kills the master while its replicas are stopped. So no replica has confirmed the master's last answers. The old
 * master comes back as a replica.
 */
async function killMaster(nodes: readonly RedisServer[]): Promise<void> {
  await whole(nodes);
  const master = await masterOf(nodes);
  const others = nodes.filter((node) => node !== master);
  for (const { pid } of others) process.kill(pid, "SIGSTOP");
  await sleep(BEHIND_MS);
  await master.kill9();
  for (const { pid } of others) process.kill(pid, "SIGCONT");
  await eventually(() => masterOf(others), TAKEOVER);
  await master.restart();
  await whole(nodes);
}

/**
 * Kills all nodes except one replica. That replica has everything that was answered. The others come back with the data
 * that they had.
 */
async function killAllButOne(nodes: readonly RedisServer[]): Promise<void> {
  await whole(nodes);
  const master = await masterOf(nodes);
  const [survivor, ...others] = nodes.filter((node) => node !== master);
  assert.ok(survivor);
  const killed = [master, ...others];
  await Promise.all(killed.map((node) => node.kill9()));
  await eventually(() => masterOf([survivor]), TAKEOVER);
  await Promise.all(killed.map((node) => node.restart()));
  await whole(nodes);
}

/**
 * Stops the master until another node has taken over, then continues it. It still acts as master until a Sentinel tells
 * it otherwise.
 */
async function hangMaster(nodes: readonly RedisServer[]): Promise<void> {
  await whole(nodes);
  const master = await masterOf(nodes);
  process.kill(master.pid, "SIGSTOP");
  try {
    const others = nodes.filter((node) => node !== master);
    await eventually(() => masterOf(others), TAKEOVER);
  } finally {
    process.kill(master.pid, "SIGCONT");
  }
  await whole(nodes);
}

/** Moves the master as an operator does before a machine is stopped. No process dies. */
async function moveMaster(nodes: readonly RedisServer[], [sentinel]: readonly RedisServer[]): Promise<void> {
  await whole(nodes);
  const master = await masterOf(nodes);
  assert.ok(sentinel);
  const moved = async () => (await masterOf(nodes)).port !== master.port;
  // Sentinel refuses a failover for some time after the previous one, and may give up one that it has begun.
  await eventually(async () => {
    if (await moved()) return;
    await ask(sentinel.port, (client) => client.call("sentinel", "failover", "main"));
    await eventually(async () => assert.ok(await moved()), ONE_MOVE);
  }, TAKEOVER);
  await whole(nodes);
}

async function whole(nodes: readonly RedisServer[]): Promise<void> {
  await eventually(async () => {
    const info = await ask((await masterOf(nodes)).port, (client) => client.info("replication"));
    assert.equal(info.match(/state=online/g)?.length ?? 0, REPLICAS, info);
  }, PATIENCE);
}

/**
 * Returns the node that says it is master and has the most replicas. While an old master does not know of its
 * replacement, two nodes say that they are master.
 */
async function masterOf(nodes: readonly RedisServer[]): Promise<RedisServer> {
  const found: { node: RedisServer; replicas: number }[] = [];
  for (const node of nodes) {
    const info = await ask(node.port, (client) => client.info("replication")).catch(() => "");
    if (/role:master/.test(info)) found.push({ node, replicas: Number(/connected_slaves:(\d+)/.exec(info)?.[1]) });
  }
  const [best] = found.toSorted((a, b) => b.replicas - a.replicas);
  assert.ok(best, "no node is master");
  return best.node;
}
