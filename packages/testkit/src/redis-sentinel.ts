import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type RedisServer, startRedis } from "@ccsp/fleet";
import { Redis } from "ioredis";
import { eventually } from "./eventually.js";

/** Real Sentinels and the servers that they watch. */
export interface RedisSentinel {
  /** A URL with the Sentinels. `master` and `replica` have the `redis://` URLs of the servers. */
  readonly url: string;
  /** The master at the start. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /** From now on, they fail over when two of them have not reached the master for this long. */
  failOverAfter(ms: number): Promise<void>;
  /** Has the first Sentinel begin a failover to the replica, as an operator does. It needs no election. */
  failOver(): Promise<void>;
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

/** A busy machine may stop a master for a while. Only a test that asks for it wants a failover then. */
const DOWN_AFTER_MS = 30_000;

/**
 * Starts a master, a replica and three Sentinels. Resolves when all Sentinels know the master, the replica and each
 * other. They fail over late unless they are told otherwise. `args` are for the master and the replica.
 */
export async function startRedisSentinel({ args = [] }: { args?: readonly string[] } = {}): Promise<RedisSentinel> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-sentinel-"));
  // By default a master waits five seconds for more replicas before it sends its data.
  const prompt = [...args, "--repl-diskless-sync-delay", "0"];
  const master = await startRedis({ args: prompt });
  const replica = await startRedis({ args: [...prompt, "--replicaof", "127.0.0.1", String(master.port)] });
  // A Sentinel asks the master for its replicas at the start, and after that only every ten seconds.
  await eventually(async () => assert.match(await ask(master.port, "info", "replication"), /state=online/));
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, async (_, at) => {
      const configFile = join(dir, `sentinel-${at}.conf`);
      const settings = [
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds main ${DOWN_AFTER_MS}`,
        "sentinel failover-timeout main 2000",
      ];
      await writeFile(configFile, `${settings.join("\n")}\n`);
      return startRedis({ port: await freePort(), dir, configFile, args: ["--sentinel"] });
    }),
  );
  const tell = async (...words: string[]): Promise<void> => {
    for (const { port } of sentinels) await ask(port, "sentinel", ...words);
  };
  // A Sentinel whose own timer was two seconds late begins no failover for half a minute ("TILT"), because it does not
  // trust what it sees. On a busy machine its timer may be late at any moment.
  await tell("debug", "tilt-trigger", "600000");
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
    failOverAfter: (ms) => tell("set", "main", "down-after-milliseconds", String(ms)),
    failOver: async () => {
      // A Sentinel that stands still for longer than this gives a failover up, and begins another much later.
      await tell("set", "main", "failover-timeout", "600000");
      const [first = assert.fail()] = sentinels;
      await eventually(() => ask(first.port, "sentinel", "failover", "main"), { timeoutMs: 20_000 });
    },
    stop: async () => {
      await Promise.all([...sentinels, replica, master].map((server) => server.stop()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}
