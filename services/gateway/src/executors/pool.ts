import type { Client, Connection } from "@ccsp/grpc-kit";
import type { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";

export type ExecutorClient = Client<ExecutorServiceService>;

export interface PoolOptions {
  /** Creates a client of the executor at this `host:port`. */
  readonly connect: (address: string) => ExecutorClient & Connection;
  /** A client that no call has used for this long is closed. */
  readonly idleMs: number;
}

/** A client that is in use. */
export interface HeldClient {
  readonly client: ExecutorClient;
  readonly release: () => void;
}

interface Entry {
  readonly client: ExecutorClient & Connection;
  users: number;
  idle?: NodeJS.Timeout | undefined;
}

/** One client for each address. Executors come and go, so a client that is not used is closed, and made again. */
export class ExecutorPool {
  readonly #options: PoolOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Release it once, when the call or stream is over. */
  hold(address: string): HeldClient {
    const entry = this.#entries.get(address) ?? { client: this.#options.connect(address), users: 0 };
    this.#entries.set(address, entry);
    clearTimeout(entry.idle);
    entry.users += 1;
    return {
      client: entry.client,
      release: () => {
        entry.users -= 1;
        if (entry.users > 0) return;
        entry.idle = setTimeout(() => this.#close(address, entry), this.#options.idleMs).unref();
      },
    };
  }

  async close(): Promise<void> {
    for (const [address, entry] of this.#entries) this.#close(address, entry);
  }

  #close(address: string, { client, idle }: Entry): void {
    clearTimeout(idle);
    client.close();
    this.#entries.delete(address);
  }
}
