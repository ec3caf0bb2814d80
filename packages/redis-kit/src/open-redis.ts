import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { type ConnectionUse, createRedisClient } from "./connect.js";
import type { RedisClient } from "./redis-client.js";
import { parseRedisUrl, type RedisAddress } from "./redis-url.js";
import { longestWaitMs } from "./unanswered.js";

/** Half of what a call has patience for. */
const LATE_MS = 1_000;

/** An open Redis. Standalone, Sentinel and Cluster look the same from here. */
export interface RedisConnection {
  /** For commands and scripts. A command is answered or rejected within 10 s, also while Redis is away. */
  readonly client: RedisClient;
  /** A connection of its own for blocking reads and subscriptions; waits for Redis for ever; closed with the rest. */
  duplicate(): Promise<RedisClient>;
  /** Closes a duplicate at once and for good, with what waits on it. One that is only disconnected would connect again. */
  release(duplicate: RedisClient): void;
  /** Resolves when Redis answers now. Rejects within a second otherwise; for readiness checks. */
  ping(): Promise<void>;
  /** Whether `client` is connected and no command has waited for a second: what piles up behind it does not wait for Redis. */
  answers(): boolean;
  /** Lets running commands end, then closes every connection. Never rejects. */
  close(): Promise<void>;
}

/**
 * Connects to Redis (URL forms: README.md).
 *
 * Start is patient: while Redis does not answer yet or loads its data, it is tried again for `startMs` (10 s). Then, or
 * at once when Redis refuses the login, this rejects with an Error that names hosts and ports and never the password.
 * Later losses are logged once each, and mended in the background.
 */
export async function openRedis(
  url: string,
  options: { log: Logger; name: string; startMs?: number },
): Promise<RedisConnection> {
  const { log, name, startMs = 10_000 } = options;
  const address = parseRedisUrl(url);
  /** Those that are to stay connected. */
  const clients = new Set<RedisClient>();
  const release = (client: RedisClient): void => {
    clients.delete(client);
    // A second disconnect of an ended client would hold the process for two seconds (ioredis 6.0.0).
    if (client.status !== "end") client.disconnect();
  };

  const connect = async (use: ConnectionUse): Promise<RedisClient> => {
    const client = createRedisClient(address, name, use);
    clients.add(client);
    logLosses(client, log.child({ redis: address.at, connection: use }));
    try {
      await ready(client, address, startMs);
    } catch (error) {
      // Stop the reconnect loop, or it keeps the failed process alive.
      release(client);
      throw error;
    }
    keepConnecting(client, () => clients.has(client));
    return client;
  };

  const client = await connect("commands");
  return {
    client,
    duplicate: () => connect("blocking"),
    release,
    ping: async () => {
      if (client.status !== "ready") throw new Error(`Redis at ${address.at} is not connected`);
      await within(1_000, client.ping(), () => {
        throw new Error(`Redis at ${address.at} did not answer within 1 s`);
      });
    },
    answers: () => client.status === "ready" && longestWaitMs(client) < LATE_MS,
    close: async () => {
      const open = [...clients];
      clients.clear();
      // QUIT waits for the answers that are under way; a Redis that is away has none to give.
      if (client.status === "ready") await within(2_000, client.quit(), () => "late").catch(() => undefined);
      for (const each of open) release(each);
    },
  };
}

// Refusals that waiting does not mend.
const FATAL = /^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid DB index|DB index|AUTH|Client sent AUTH))/;

async function ready(client: RedisClient, address: RedisAddress, startMs: number): Promise<void> {
  const listeners = new AbortController();
  let last: Error | undefined;
  const failed = new Promise<never>((_, reject) => {
    const onError = (error: Error & { lastNodeError?: Error }): void => {
      last = error.lastNodeError ?? error;
      if (FATAL.test(last.message)) reject(new Error(`Redis at ${address.at} refused the login: ${last.message}`));
    };
    client.on("error", onError);
    listeners.signal.addEventListener("abort", () => client.off("error", onError));
  });
  const connected = new Promise<void>((resolve) => {
    client.once("ready", resolve);
    listeners.signal.addEventListener("abort", () => client.off("ready", resolve));
  });
  // The first try's rejection is one of the errors that the listener sees; later tries have no promise at all.
  client.connect().catch((error: Error) => {
    last ??= error;
  });
  try {
    await within(startMs, Promise.race([connected, failed]), () => {
      const why = last === undefined ? "no answer" : last.message || last.name;
      throw new Error(`Redis at ${address.at} was not ready within ${startMs} ms: ${why}`);
    });
  } finally {
    listeners.abort();
  }
}

const CONNECT_AGAIN_MS = 100;

/**
 * A connection ends for good when ioredis (6.0.0) hears of a failover just while it asks a Sentinel for the master: what it
 * set up with the last connection to hear of failovers stops the attempt, and there is no next one. So it is told to go on.
 */
function keepConnecting(client: RedisClient, isWanted: () => boolean): void {
  client.on("end", () => {
    setTimeout(() => {
      // When it fails, it ends again.
      if (isWanted()) client.connect().catch(() => undefined);
    }, CONNECT_AGAIN_MS).unref();
  });
}

/** One line per loss and one per return, however often ioredis retries in between. */
function logLosses(client: RedisClient, log: Logger): void {
  let lost = false;
  const onLost = (err?: Error): void => {
    if (!lost) log.warn({ err }, "redis is away, trying again");
    lost = true;
  };
  client.on("error", onLost);
  client.on("reconnecting", () => onLost());
  client.on("ready", () => {
    if (lost) log.info("redis is back");
    lost = false;
  });
}
