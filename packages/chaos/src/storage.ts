import { setTimeout as sleep } from "node:timers/promises";
import { startRedis } from "@ccsp/fleet";
import { type Link, openLink } from "./link.js";
import { ask } from "./redis-nodes.js";

/** Redis as the replicas use it, with the faults that can happen to it. */
export interface Storage {
  /** The URL for the replica of this name. */
  urlFor(name: string): Promise<string>;
  /**
   * Settings for the replicas. With them, a replica waits for what it needs to survive each of these faults
   * (docs/queue-operations.md, What survives what).
   */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * Links between replicas and Redis. Empty with Sentinel and the Cluster, because these tell the replicas which
   * address to call.
   */
  readonly links: readonly Link[];
  readonly faults: readonly StorageFault[];
  /** The URL of the server or the cluster that holds the state now. */
  currentUrl(): Promise<string>;
  close(): Promise<void>;
}

export interface StorageFault {
  readonly name: string;
  readonly weight: number;
  /** Resolves when the fault is repaired. */
  readonly make: () => Promise<void>;
}

const FULL_MS = 4_000;
/** Longer than a call waits, and shorter than a lease. */
const HANGS_MS = 3_000;

/** Starts one server that has every answered write on disk. Each replica has its own link to it. */
export async function startStandalone(): Promise<Storage> {
  const server = await startRedis({ appendOnly: true });
  const links: Link[] = [];
  const restart = async (): Promise<void> => {
    await server.kill9();
    await server.restart();
  };
  const hang = async (): Promise<void> => {
    process.kill(server.pid, "SIGSTOP");
    await sleep(HANGS_MS);
    process.kill(server.pid, "SIGCONT");
  };
  /** Redis refuses new data for some time, as if its memory were full. */
  const fill = async (): Promise<void> => {
    await ask(server.port, (client) => client.config("SET", "maxmemory", 1));
    await sleep(FULL_MS);
    await ask(server.port, (client) => client.config("SET", "maxmemory", 0));
  };
  return {
    links,
    settings: { CCSP_QUEUE_DURABILITY: "local" },
    async urlFor(name) {
      const link = await openLink(`${name} → redis`, server.port);
      links.push(link);
      return `redis://127.0.0.1:${link.port}`;
    },
    faults: [
      { name: "restart redis", weight: 2, make: restart },
      { name: "hang redis", weight: 1, make: hang },
      { name: "fill redis", weight: 1, make: fill },
    ],
    currentUrl: async () => server.url,
    async close() {
      await Promise.all(links.map((link) => link.close()));
      await server.stop();
    },
  };
}
