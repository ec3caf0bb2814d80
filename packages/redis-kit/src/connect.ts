import { Cluster, type CommonRedisOptions, Redis } from "ioredis";
import type { RedisClient } from "./redis-client.js";
import type { RedisAddress } from "./redis-url.js";
import { watchAnswers } from "./unanswered.js";

/** How a connection is used: `commands` answers soon or fails; `blocking` waits, for XREADGROUP BLOCK and SUBSCRIBE. */
export type ConnectionUse = "commands" | "blocking";

/** Longest that one command takes before it is rejected, waiting for a lost connection included. */
const COMMAND_TIMEOUT_MS = 10_000;

// 50, 100 … 500 ms and then every 500 ms: twenty tries are about 8 s, so that a command rides out a restart of a few
// seconds, and is rejected by the try limit or by COMMAND_TIMEOUT_MS, whichever comes first.
const MAX_RETRIES = 20;
const retryDelayMs = (attempt: number): number => Math.min(attempt * 50, 500);

const USE = {
  commands: { commandTimeout: COMMAND_TIMEOUT_MS, maxRetriesPerRequest: MAX_RETRIES, socketTimeout: 5_000 },
  // No command limit: these are meant to wait. A host that vanished without a word is found by the socket's silence,
  // so a blocking read must ask for less than this (see MAX_BLOCK_MS).
  blocking: { maxRetriesPerRequest: null, socketTimeout: 15_000 },
} satisfies Record<ConnectionUse, CommonRedisOptions>;

/** Longest BLOCK that a blocking read may ask for; a connection that is silent for longer is taken for dead. */
export const MAX_BLOCK_MS = 10_000;

/** Makes a client that has not connected yet. Does no I/O. */
export function createRedisClient(address: RedisAddress, name: string, use: ConnectionUse): RedisClient {
  const client = createClient(address, name, use);
  if (use === "commands") watchAnswers(client);
  return client;
}

function createClient(address: RedisAddress, name: string, use: ConnectionUse): RedisClient {
  const common = {
    ...USE[use],
    connectionName: `ccsp-${name}`,
    connectTimeout: 3_000,
    username: address.username,
    password: address.password,
    // On by default; named because the scripts rely on it: a command whose connection broke is sent again.
    autoResendUnfulfilledCommands: true,
  } satisfies CommonRedisOptions;
  if (address.kind === "cluster") {
    return new Cluster([...address.nodes], {
      lazyConnect: true,
      // A failover takes a node timeout and an election: try again for as long as a command may take.
      maxRedirections: COMMAND_TIMEOUT_MS / 100,
      retryDelayOnFailover: 100,
      retryDelayOnClusterDown: 100,
      clusterRetryStrategy: retryDelayMs,
      redisOptions: common,
    });
  }
  const single = { ...common, lazyConnect: true, retryStrategy: retryDelayMs, reconnectOnError, db: address.db };
  if (address.kind === "sentinel") {
    return new Redis({
      ...single,
      sentinels: [...address.sentinels],
      name: address.master,
      sentinelRetryStrategy: retryDelayMs,
      // Hears of a failover from the Sentinels, also when the old master only hangs and its socket stays open.
      failoverDetector: true,
    });
  }
  return new Redis({ ...single, ...address.node, ...(address.tls ? { tls: {} } : {}) });
}

/** 2 = reconnect and send the refused command again: the server was demoted, the next connection finds the new master. */
function reconnectOnError(error: Error): 2 | false {
  return /^(READONLY|UNBLOCKED) /.test(error.message) ? 2 : false;
}
