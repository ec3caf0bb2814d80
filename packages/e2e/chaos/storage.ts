import { startRedis } from "@ccsp/fleet";
import { type Link, openLink } from "./link.js";

/** Redis as the replicas use it, with what can happen to it. */
export interface Storage {
  /** For the replica of this name. */
  urlFor(name: string): Promise<string>;
  /** What replicas are told to wait for, so that each fault is one that they promise to survive (docs/queue-operations.md, What survives what). */
  readonly durability: Readonly<Record<string, string>>;
  /** Links between replicas and Redis; none where Sentinel tells replicas whom to call. */
  readonly links: readonly Link[];
  readonly faults: readonly StorageFault[];
  /** Of the server that holds the state now. */
  currentUrl(): Promise<string>;
  close(): Promise<void>;
}

export interface StorageFault {
  readonly name: string;
  readonly weight: number;
  /** Resolves when all is well again. */
  readonly make: () => Promise<void>;
}

/** One server whose every answered write is on disk, each replica with a link of its own to it. */
export async function startStandalone(): Promise<Storage> {
  const server = await startRedis({ appendOnly: true });
  const links: Link[] = [];
  const restart = async (): Promise<void> => {
    await server.kill9();
    await server.restart();
  };
  return {
    links,
    durability: { CCSP_QUEUE_DURABILITY: "local" },
    async urlFor(name) {
      const link = await openLink(`${name} → redis`, server.port);
      links.push(link);
      return `redis://127.0.0.1:${link.port}`;
    },
    faults: [{ name: "restart redis", weight: 2, make: restart }],
    currentUrl: async () => server.url,
    async close() {
      await Promise.all(links.map((link) => link.close()));
      await server.stop();
    },
  };
}
