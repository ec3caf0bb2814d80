import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { Redis } from "ioredis";
import { eventually } from "./eventually.js";

/** Real Sentinels and what they watch. */
export interface RedisSentinel {
  /** By the Sentinels; `redis://` URLs of the servers are in `master` and `replica`. */
  readonly url: string;
  /** At start. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  stop(): Promise<void>;
}

const SENTINELS = 3;

async function ask(port: number, command: string, ...args: string[]): Promise<string> {
  const client = new Redis(port, "127.0.0.1");
  try {
    return JSON.stringify(await client.call(command, ...args));
  } finally {
    client.disconnect();
  }
}

/**
 * A master, a replica and three Sentinels that fail over when two of them have missed the master for half a second; resolves
 * when they know both and one another. `args` are for master and replica.
 */
export async function startRedisSentinel({ args = [] }: { args?: readonly string[] } = {}): Promise<RedisSentinel> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-sentinel-"));
  // A master waits five seconds for more replicas before it sends its data, if it is not told otherwise.
  const prompt = [...args, "--repl-diskless-sync-delay", "0"];
  const master = await startRedis({ args: prompt });
  const replica = await startRedis({ args: [...prompt, "--replicaof", "127.0.0.1", String(master.port)] });
  // A Sentinel asks the master for its replicas at once, and then only every ten seconds.
  await eventually(async () => assert.match(await ask(master.port, "info", "replication"), /state=online/));
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, async (_, at) => {
      const configFile = join(dir, `sentinel-${at}.conf`);
      const settings = [
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        "sentinel down-after-milliseconds main 500",
        "sentinel failover-timeout main 2000",
      ];
      await writeFile(configFile, `${settings.join("\n")}\n`);
      return startRedis({ port: await freePort(), dir, configFile, args: ["--sentinel"] });
    }),
  );
  await eventually(
    async () => {
      for (const { port } of sentinels) {
        const replicas = await ask(port, "sentinel", "replicas", "main");
        assert.ok(replicas.includes(`"${replica.port}"`) && replicas.includes('"master-link-status","ok"'), replicas);
        const others: unknown = JSON.parse(await ask(port, "sentinel", "sentinels", "main"));
        assert.equal(Array.isArray(others) && others.length, SENTINELS - 1);
      }
    },
    { timeoutMs: 15_000, what: "Sentinels that know one another" },
  );
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/main`,
    master,
    replica,
    stop: async () => {
      await Promise.all([...sentinels, replica, master].map((server) => server.stop()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
