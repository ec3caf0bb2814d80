import assert from "node:assert/strict";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { Redis } from "ioredis";
import { eventually } from "./eventually.js";

/** A real Redis Cluster of child processes. */
export interface RedisCluster {
  readonly url: string;
  /** At the start, the first three nodes are masters. The other three are their replicas, in the same order. */
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

const SLOTS = [
  [0, 5460],
  [5461, 10922],
  [10923, 16383],
] as const;

export interface RedisClusterOptions {
  readonly appendOnly?: boolean;
  /** Additional settings for every node. */
  readonly args?: readonly string[];
  /** A node that is silent for this long counts as failed. Default: 30 s, because a busy machine may stop a node. */
  readonly nodeTimeoutMs?: number;
}

/** Starts three masters with one replica each on loopback. Resolves when every node sees a complete cluster. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(Array.from({ length: 6 }, () => startNode(options)));
  const clients = nodes.map(({ port }) => new Redis(port, "127.0.0.1"));
  try {
    await joinNodes(nodes, clients);
  } finally {
    for (const client of clients) client.disconnect();
  }
  return {
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`,
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

const PATIENCE = { timeoutMs: 15_000, what: "a whole cluster" };

const busPorts = new Map<number, number>();

async function startNode({
  appendOnly,
  args: more = [],
  nodeTimeoutMs = 30_000,
}: RedisClusterOptions): Promise<RedisServer> {
  // By default the bus port is the port plus 10,000, which may be above the largest port number.
  const bus = await freePort();
  const args = [
    "--cluster-enabled",
    "yes",
    "--cluster-port",
    String(bus),
    "--cluster-node-timeout",
    String(nodeTimeoutMs),
  ];
  const node = await startRedis({ appendOnly, args: [...args, "--repl-diskless-sync-delay", "0", ...more] });
  busPorts.set(node.port, bus);
  return node;
}

async function joinNodes(nodes: readonly RedisServer[], clients: readonly Redis[]): Promise<void> {
  const masters = clients.slice(0, SLOTS.length);
  const replicas = clients.slice(SLOTS.length);
  for (const [at, [from, to]] of SLOTS.entries()) await clients[at]?.call("cluster", "addslotsrange", from, to);
  // Gives each node an epoch of its own before the nodes meet, so that no two nodes have the same epoch. Redis refuses
  // this command once a node knows others.
  for (const [at, client] of clients.entries()) await client.call("cluster", "set-config-epoch", at + 1);
  // Every node meets every other node. That is faster than a wait until they learn of each other.
  for (const client of clients) {
    for (const { port } of nodes) await client.call("cluster", "meet", "127.0.0.1", port, String(busPorts.get(port)));
  }
  const masterIds = await Promise.all(masters.map(async (master) => String(await master.call("cluster", "myid"))));
  await eventually(async () => {
    for (const client of clients) {
      const known = String(await client.call("cluster", "nodes"))
        .trim()
        .split("\n");
      assert.equal(known.filter((line) => !/handshake|fail|noaddr/.test(line)).length, nodes.length);
    }
  }, PATIENCE);
  for (const [at, replica] of replicas.entries()) await replica.call("cluster", "replicate", masterIds[at] ?? "");
  await eventually(async () => {
    for (const client of clients) {
      assert.match(String(await client.call("cluster", "info")), /cluster_state:ok/);
      const view = String(await client.call("cluster", "nodes"));
      for (const id of masterIds) assert.match(view, new RegExp(`slave ${id}`));
    }
    for (const replica of replicas) assert.match(await replica.info("replication"), /master_link_status:up/);
  }, PATIENCE);
}
