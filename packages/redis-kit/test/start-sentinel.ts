import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { eventually } from "@ccsp/testkit";
import { Redis } from "ioredis";

export interface SentinelSetup {
  readonly url: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  stop(): Promise<void>;
}

async function ask(port: number, command: string, ...args: string[]): Promise<string> {
  const client = new Redis(port, "127.0.0.1");
  try {
    return JSON.stringify(await client.call(command, ...args));
  } finally {
    client.disconnect();
  }
}

/** A master, a replica and one Sentinel that fails over after half a second; resolves when the Sentinel knows both. */
export async function startSentinel(): Promise<SentinelSetup> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-sentinel-"));
  // A master waits five seconds for more replicas before it sends its data, if it is not told otherwise.
  const prompt = ["--repl-diskless-sync-delay", "0"];
  const master = await startRedis({ args: prompt });
  const replica = await startRedis({ args: [...prompt, "--replicaof", "127.0.0.1", String(master.port)] });
  // The Sentinel asks the master for its replicas at once, and then only every ten seconds.
  await eventually(async () => assert.match(await ask(master.port, "info", "replication"), /state=online/));
  const port = await freePort();
  const configFile = join(dir, "sentinel.conf");
  const settings = [
    `sentinel monitor main 127.0.0.1 ${master.port} 1`,
    "sentinel down-after-milliseconds main 500",
    "sentinel failover-timeout main 2000",
  ];
  await writeFile(configFile, `${settings.join("\n")}\n`);
  const sentinel = await startRedis({ port, dir, configFile, args: ["--sentinel"] });

  await eventually(async () => {
    const replicas = await ask(port, "sentinel", "replicas", "main");
    assert.ok(replicas.includes(`"${replica.port}"`) && replicas.includes('"master-link-status","ok"'), replicas);
  });
  return {
    url: `redis+sentinel://127.0.0.1:${port}/main`,
    master,
    replica,
    stop: async () => {
      await Promise.all([sentinel.stop(), replica.stop(), master.stop()]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
