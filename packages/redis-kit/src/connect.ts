import type { ConnectionOptions } from "node:tls";
import { Cluster, type CommonRedisOptions, Redis } from "ioredis";
import { explainRefusals } from "./explain-refusals.js";
import type { RedisClient } from "./redis-client.js";
import type { RedisAddress } from "./redis-url.js";
import { watchAnswers } from "./unanswered.js";

/**
 * The use of a connection. `commands`: a command is answered soon or fails. `blocking`: a command may wait, for
 * XREADGROUP BLOCK and SUBSCRIBE.
 */
export type ConnectionUse = "commands" | "blocking";

/** The longest time until a command is answered or rejected. It includes the wait for a lost connection. */
const COMMAND_TIMEOUT_MS = 10_000;

// The delays are 50, 100 … 500 ms and then always 500 ms. Twenty tries take about 8 s, so a command survives a restart
// of a few seconds. A command is rejected at this limit or after COMMAND_TIMEOUT_MS, whichever comes first.
const MAX_RETRIES = 20;
const retryDelayMs = (attempt: number): number => Math.min(attempt * 50, 500);

const USE = {
  commands: { commandTimeout: COMMAND_TIMEOUT_MS, maxRetriesPerRequest: MAX_RETRIES, socketTimeout: 5_000 },
  // No time limit per command, because these commands wait on purpose. If a host vanishes without closing its
  // connection, the socket timeout detects the silence. So a blocking read must ask for less than this timeout (see
  // MAX_BLOCK_MS).
  blocking: { maxRetriesPerRequest: null, socketTimeout: 15_000 },
} satisfies Record<ConnectionUse, CommonRedisOptions>;

/** The longest BLOCK time of a blocking read. A connection that is silent for longer may be treated as lost. */
export const MAX_BLOCK_MS = 10_000;

/** What a client needs to reach Redis and to log in. `tls` is undefined without TLS. */
export interface RedisAccess {
  readonly address: RedisAddress;
  readonly tls: ConnectionOptions | undefined;
  readonly sentinelLogin: { readonly username: string | undefined; readonly password: string | undefined };
}

/** Makes a client that is not connected yet. Does no I/O. */
export function createRedisClient(access: RedisAccess, name: string, use: ConnectionUse): RedisClient {
  const client = createClient(access, name, use);
  explainRefusals(client, access.address.username);
  watchAnswers(client);
  return client;
}

function createClient({ address, tls, sentinelLogin }: RedisAccess, name: string, use: ConnectionUse): RedisClient {
  const common = {
    ...USE[use],
    connectionName: `ccsp-${name}`,
    connectTimeout: 3_000,
    username: address.username,
    password: address.password,
    // This is the default. It is set here because the scripts rely on it: ioredis sends a command again if its
    // connection broke.
    autoResendUnfulfilledCommands: true,
    // The users of deploy/redis have no right to CLIENT SETINFO, because Redis 7.0 does not start with a right that it
    // does not know. Later ones note each refusal in their ACL LOG.
    disableClientInfo: true,
    ...(tls && { tls }),
  } satisfies CommonRedisOptions;
  if (address.kind === "cluster") {
    return new Cluster([...address.nodes], {
      lazyConnect: true,
      // A failover takes a node timeout and an election. So the client retries for as long as a command may take.
      maxRedirections: COMMAND_TIMEOUT_MS / 100,
      retryDelayOnFailover: 100,
      retryDelayOnClusterDown: 100,
      clusterRetryStrategy: retryDelayMs,
      redisOptions: common,
      // ioredis looks up the names of the nodes, and then connects to IP addresses. A certificate has names.
      ...(tls && { dnsLookup: (name, found) => found(null, name) }),
    });
  }
  const single = { ...common, lazyConnect: true, retryStrategy: retryDelayMs, reconnectOnError, db: address.db };
  if (address.kind === "sentinel") {
    return new Redis({
      ...single,
      sentinels: [...address.sentinels],
      name: address.master,
      sentinelRetryStrategy: retryDelayMs,
      // The Sentinels then report a failover also when the old master only hangs and its socket stays open.
      failoverDetector: true,
      ...(sentinelLogin.username !== undefined && { sentinelUsername: sentinelLogin.username }),
      ...(sentinelLogin.password !== undefined && { sentinelPassword: sentinelLogin.password }),
      ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    });
  }
  return new Redis({ ...single, ...address.node });
}

/**
 * 2 tells ioredis to reconnect and send the refused command again. The server was demoted, and the next connection
 * finds the new master.
 */
function reconnectOnError(error: Error): 2 | false {
  return /^(READONLY|UNBLOCKED) /.test(error.message) ? 2 : false;
}
