import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RedisServer } from "@ccsp/fleet";
import { eventually, type RedisCluster, startRedisCluster } from "@ccsp/testkit";
import { ask } from "./redis-nodes.js";
import type { Storage } from "./storage.js";

const MASTERS = 3;
/** The shards are on all three masters: their slots are 13907, 9842, 5649 and 1584. */
const SHARDS = 4;
const NODE_TIMEOUT_MS = 1_500;
const BEHIND_MS = 300;
const PATIENCE = { timeoutMs: 45_000, what: "a whole cluster" };
const TAKEOVER = { timeoutMs: 30_000, what: "the replica as master" };

/** A master and its replica. They may swap roles. */
type Pair = readonly [RedisServer, RedisServer];

/**
 * Starts three masters with one replica each. A master accepts no write while its replica is not connected. The queue
 * answers a call only when that replica has the change too, which is every copy of a shard.
 */
export async function startCluster(): Promise<Storage> {
  const guard = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "5"];
  const cluster = await startRedisCluster({ appendOnly: true, nodeTimeoutMs: NODE_TIMEOUT_MS, args: guard });
  const pairs = pairsOf(cluster);
  let turn = 0;
  /** Uses the pairs in turn. Waits before and after each fault until the cluster is complete. */
  const inTurn = (act: (pair: Pair) => Promise<void>) => async () => {
    await whole(pairs);
    const pair = pairs[turn++ % pairs.length];
    assert.ok(pair);
    await act(pair);
    await whole(pairs);
  };
  return {
    links: [],
    urlFor: async () => cluster.url,
    settings: {
      CCSP_QUEUE_DURABILITY: "replicated",
      CCSP_QUEUE_REPLICAS: "1",
      CCSP_QUEUE_SHARDS: String(SHARDS),
    },
    faults: [
      { name: "restart redis", weight: 2, make: inTurn(restart) },
      { name: "kill redis master", weight: 1, make: inTurn(killMaster) },
      { name: "hang redis master", weight: 1, make: inTurn(hangMaster) },
      { name: "move redis master", weight: 2, make: inTurn(moveMaster) },
    ],
    currentUrl: async () => cluster.url,
    close: () => cluster.stop(),
  };
}

function pairsOf({ nodes }: RedisCluster): readonly Pair[] {
  return Array.from({ length: MASTERS }, (_, at) => {
    const [master, replica] = [nodes[at], nodes[at + MASTERS]];
    assert.ok(master && replica);
    return [master, replica];
  });
}

async function restart(pair: Pair): Promise<void> {
  const { master } = await rolesOf(pair);
  await master.kill9();
  await master.restart();
}

/** Kills the master while its replica is stopped. So the replica has not confirmed the master's last answers. */
async function killMaster(pair: Pair): Promise<void> {
  const { master, replica } = await rolesOf(pair);
  process.kill(replica.pid, "SIGSTOP");
  await sleep(BEHIND_MS);
  await master.kill9();
  process.kill(replica.pid, "SIGCONT");
  await takesOver(replica);
  await master.restart();
}

/**
 * Stops the master until the replica has taken over, then continues it. It still acts as master until another node
 * tells it otherwise.
 */
async function hangMaster(pair: Pair): Promise<void> {
  const { master, replica } = await rolesOf(pair);
  process.kill(master.pid, "SIGSTOP");
  try {
    await takesOver(replica);
  } finally {
    process.kill(master.pid, "SIGCONT");
  }
}

/**
 * Moves the master as an operator does before a machine is stopped. No process dies, and connections to the old master
 * stay open.
 */
async function moveMaster(pair: Pair): Promise<void> {
  const { replica } = await rolesOf(pair);
  await ask(replica.port, (client) => client.call("cluster", "failover"));
  await takesOver(replica);
}

async function takesOver({ port }: RedisServer): Promise<void> {
  await eventually(async () => {
    assert.match(await ask(port, (client) => client.info("replication")), /role:master/);
  }, TAKEOVER);
}

async function rolesOf(pair: Pair): Promise<{ master: RedisServer; replica: RedisServer }> {
  const infos = await Promise.all(pair.map(({ port }) => ask(port, (client) => client.info("replication"))));
  const [first, second] = infos.map((info) => /role:master/.test(info));
  assert.notEqual(first, second, "one of two is the master");
  return first ? { master: pair[0], replica: pair[1] } : { master: pair[1], replica: pair[0] };
}

async function whole(pairs: readonly Pair[]): Promise<void> {
  await eventually(async () => {
    for (const pair of pairs) {
      const { master } = await rolesOf(pair);
      assert.match(await ask(master.port, (client) => client.info("replication")), /state=online/);
      for (const { port } of pair) {
        const info = await ask(port, async (client) => String(await client.call("cluster", "info")));
        assert.match(info, /cluster_state:ok/);
      }
    }
  }, PATIENCE);
}
