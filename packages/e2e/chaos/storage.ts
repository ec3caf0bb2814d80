import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";
import { type Link, openLink } from "./link.js";

/** Redis as the replicas use it, with what can happen to it. */
export interface Storage {
  /** For the replica of this name. */
  urlFor(name: string): Promise<string>;
  /** Links between replicas and Redis; none where Sentinel tells replicas whom to call. */
  readonly links: readonly Link[];
  /** Kills the (master) server and starts it again at once. */
  restart(): Promise<void>;
  /** Kills the master, waits until another has taken over, and starts the killed one as its replica. */
  readonly failOver: (() => Promise<void>) | undefined;
  /** Of the server that holds the state now. */
  currentUrl(): Promise<string>;
  close(): Promise<void>;
}

/** One server whose every answered write is on disk, each replica with a link of its own to it. */
export async function startStandalone(): Promise<Storage> {
  const server = await startRedis({ appendOnly: true });
  const links: Link[] = [];
  return {
    links,
    async urlFor(name) {
      const link = await openLink(`${name} → redis`, server.port);
      links.push(link);
      return `redis://127.0.0.1:${link.port}`;
    },
    async restart() {
      await server.kill9();
      await server.restart();
    },
    failOver: undefined,
    currentUrl: async () => server.url,
    async close() {
      await Promise.all(links.map((link) => link.close()));
      await server.stop();
    },
  };
}

const DOWN_AFTER_MS = 1_500;
const PATIENCE = { timeoutMs: 45_000, what: "a master with two replicas" };

/** A master, two replicas and three Sentinels. The master takes no write that no replica could have. */
export async function startSentinels(): Promise<Storage> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-chaos-sentinel-"));
  const settings = ["--repl-diskless-sync-delay", "0", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "5"];
  const master = await startRedis({ appendOnly: true, args: settings });
  const replicaOf = ["--replicaof", "127.0.0.1", String(master.port)];
  const replica = () => startRedis({ appendOnly: true, args: [...settings, ...replicaOf] });
  const nodes = [master, await replica(), await replica()];
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
    async restart() {
      const current = await masterOf(nodes);
      await current.kill9();
      await current.restart();
    },
    async failOver() {
      await whole(nodes);
      const old = await masterOf(nodes);
      await old.kill9();
      const others = nodes.filter((node) => node !== old);
      await eventually(() => masterOf(others), { timeoutMs: 30_000, what: "another master" });
      await old.restart();
      await whole(nodes);
    },
    currentUrl: async () => (await masterOf(nodes)).url,
    async close() {
      await Promise.all([...sentinels, ...nodes].map((server) => server.stop()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function whole(nodes: readonly RedisServer[]): Promise<void> {
  await eventually(async () => {
    const info = await ask((await masterOf(nodes)).port, (client) => client.info("replication"));
    assert.equal(info.match(/state=online/g)?.length ?? 0, 2, info);
  }, PATIENCE);
}

/** The one that two others follow, or that says so alone; while an old master has not heard of its end there are two. */
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

async function ask<T>(port: number, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: null, commandTimeout: 1_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await question(client);
  } finally {
    client.disconnect();
  }
}
