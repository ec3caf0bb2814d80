import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { RedisServer } from "@ccsp/fleet";
import { eventually, type RedisCluster, startRedisCluster } from "@ccsp/testkit";
import { ask } from "./redis-nodes.js";
import type { Storage } from "./storage.js";

const MASTERS = 3;
/** On all three masters: their slots are 13907, 9842, 5649 and 1584. */
const SHARDS = 4;
const NODE_TIMEOUT_MS = 1_500;
const BEHIND_MS = 300;
const PATIENCE = { timeoutMs: 45_000, what: "a whole cluster" };
const TAKEOVER = { timeoutMs: 30_000, what: "the replica as master" };

/** A master and the node that may take its place; which is which changes. */
type Pair = readonly [RedisServer, RedisServer];

/**
 * Three masters with a replica each. A master takes no write that its replica could not have, and the queue answers when the replica has the
 * change, which is all that there are of a shard.
 */
export async function startCluster(): Promise<Storage> {
  const guard = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "5"];
  const cluster = await startRedisCluster({ appendOnly: true, nodeTimeoutMs: NODE_TIMEOUT_MS, args: guard });
  const pairs = pairsOf(cluster);
  let turn = 0;
  /** One pair after the other, each when all is well. */
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

/** While its replica stands still, so that it has not said to have what the master answered last. */
async function killMaster(pair: Pair): Promise<void> {
  const { master, replica } = await rolesOf(pair);
  process.kill(replica.pid, "SIGSTOP");
  await sleep(BEHIND_MS);
  await master.kill9();
  process.kill(replica.pid, "SIGCONT");
  await takesOver(replica);
  await master.restart();
}

/** Stops it until the other has taken over; then it goes on and takes itself for the master until it is told. */
async function hangMaster(pair: Pair): Promise<void> {
  const { master, replica } = await rolesOf(pair);
  process.kill(master.pid, "SIGSTOP");
  try {
    await takesOver(replica);
  } finally {
    process.kill(master.pid, "SIGCONT");
  }
}

/** As an operator does before a machine is stopped: nobody dies, and connections to the old master stay open. */
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
