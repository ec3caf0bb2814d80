import type { RedisSettings } from "@ccsp/config";
import { type Backoff, backoffMs, pause, within } from "@ccsp/timing";
import type { Logger } from "pino";
import { certificatesOf, type ServerCertificate } from "./certificates.js";
import { type ConnectionUse, createRedisClient, type RedisAccess } from "./connect.js";
import { isRedisAway } from "./outage.js";
import type { RedisClient } from "./redis-client.js";
import { parseLogin, parseRedisUrl, type RedisAddress } from "./redis-url.js";
import { tlsOptions } from "./tls-files.js";
import { longestWaitMs, rejectOpen, waitBriefly } from "./unanswered.js";

/** Half of the time that a call waits for Redis. */
const LATE_MS = 1_000;

/**
 * How long a service waits for Redis while it starts. A startup probe in k8s/ allows 120 s. The service ends before that
 * by itself, so that its last line says why.
 */
const START_MS = 110_000;
/** A connection that is opened later waits as long as a command does. */
const LATER_MS = 10_000;
const AGAIN: Backoff = { firstMs: 100, longestMs: 1_000 };

/** An open connection to Redis. It hides whether Redis is standalone, behind Sentinel or a Cluster. */
export interface RedisConnection {
  /** For commands and scripts. Each command is answered or rejected within 10 s, also while Redis is down. */
  readonly client: RedisClient;
  /**
   * Opens another connection for blocking reads and subscriptions. Its commands wait for Redis without a time limit.
   * `close` closes it too.
   */
  duplicate(): Promise<RedisClient>;
  /**
   * Closes a duplicate immediately and for good, with the commands that wait on it. `disconnect` alone would make it
   * reconnect.
   */
  release(duplicate: RedisClient): void;
  /** Resolves if Redis answers now. Rejects within a second if it does not. For readiness checks. */
  ping(): Promise<void>;
  /**
   * True if `client` is connected and no command has waited for a second. If work piles up while this is true, Redis is
   * not the cause.
   */
  answers(): boolean;
  /**
   * Runs `work` of a start, and runs it again while Redis is silent or refuses for now, as in a failover: until the time
   * of the start has passed, or the service stops. Then it rejects with the last error, as it does at once with any
   * other error. The log says once that the service waits. `work` must be safe to repeat.
   */
  atStart<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Makes a handshake with each server and Sentinel that is known, and says when its certificate expires. One that does
   * not answer within 2 s is left out. Empty without TLS. Rejects if Redis does not name its replicas.
   */
  certificates(): Promise<readonly ServerCertificate[]>;
  /** Lets running commands end, then closes all connections. Never rejects. */
  close(): Promise<void>;
}

/**
 * Connects to Redis (URL forms: README.md).
 *
 * If Redis does not answer yet, or loads its data, this retries for `startMs` (110 s). Then it rejects. If Redis refuses
 * the login, it rejects immediately. The error names hosts and ports, and never the password. Each wait and each
 * loss of the connection is logged once, and the client reconnects in the background. From the abort of `stopping` on,
 * a new command of `client` waits 2 s at most instead of 10 s, and a Redis that is away gets 2 s for all of them
 * together.
 */
export async function openRedis(
  redis: string | RedisSettings,
  options: { log: Logger; name: string; startMs?: number; stopping?: AbortSignal },
): Promise<RedisConnection> {
  const { log, name, startMs = START_MS, stopping } = options;
  const access = accessTo(typeof redis === "string" ? { url: redis } : redis, log);
  const { address } = access;
  const startsUntil = performance.now() + startMs;
  const startLeftMs = (): number => startsUntil - performance.now();
  /** The clients that must stay connected. */
  const clients = new Set<RedisClient>();
  const release = (client: RedisClient): void => {
    clients.delete(client);
    // In ioredis 6.0.0, a second disconnect of an ended client would keep the process alive for two seconds.
    if (client.status !== "end") client.disconnect();
    rejectOpen(client);
  };

  const connect = async (use: ConnectionUse): Promise<RedisClient> => {
    const client = createRedisClient(access, name, use);
    clients.add(client);
    logLosses(client, log.child({ redis: address.at, connection: use }));
    try {
      await ready(client, address, { ms: Math.max(startLeftMs(), Math.min(startMs, LATER_MS)), stopping });
    } catch (error) {
      // Stops the reconnect loop, which would keep the failed process alive.
      release(client);
      throw error;
    }
    keepConnecting(client, () => clients.has(client));
    return client;
  };

  const client = await connect("commands");
  if (stopping?.aborted) waitBriefly(client);
  else stopping?.addEventListener("abort", () => waitBriefly(client), { once: true });
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
    atStart: async (work) => {
      for (let failures = 1; ; failures++) {
        try {
          return await work();
        } catch (error) {
          if (!isRedisAway(error) || stopping?.aborted || startLeftMs() <= 0) throw error;
          if (failures === 1) log.warn({ err: error, redis: address.at }, "redis does not serve yet, trying again");
          await pause(backoffMs(failures, AGAIN), stopping);
        }
      }
    },
    certificates: async () => certificatesOf(client, access),
    answers: () => client.status === "ready" && longestWaitMs(client) < LATE_MS,
    close: async () => {
      const open = [...clients];
      clients.clear();
      // QUIT waits for the open answers. If Redis is down, it has no answers to wait for.
      if (client.status === "ready") await within(2_000, client.quit(), () => "late").catch(() => undefined);
      for (const each of open) release(each);
    },
  };
}

function accessTo({ url, sentinelLogin, ...files }: RedisSettings, log: Logger): RedisAccess {
  const address = parseRedisUrl(url);
  const login = parseLogin(sentinelLogin);
  const onFault = (err: unknown): void =>
    log.warn({ err }, "the TLS files of Redis cannot be read; the last ones count");
  try {
    const tls = address.tls ? tlsOptions(files, onFault) : undefined;
    return { address, tls, sentinelLogin: login };
  } catch (error) {
    throw new Error(`the TLS files of Redis cannot be read: ${String(error)}`, { cause: error });
  }
}

const LOGIN = /^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid DB index|DB index|AUTH|Client sent AUTH))/;
const UNTRUSTED = /^(SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|CERT_|ERR_TLS_CERT_)/;
const CLIENT_CERTIFICATE = /^ERR_SSL_.*ALERT_(CERTIFICATE_REQUIRED|UNKNOWN_CA|BAD_CERTIFICATE)$/;

/** ioredis gives the answer of the last Sentinel only as a part of its own text. */
const OF_SENTINEL = /^All sentinels are unreachable.* Last error: /;

/** Says what stays wrong, however long one waits. Undefined: it may pass. */
function whyForGood(error: Error): string | undefined {
  if (LOGIN.test(error.message)) return "refused the login";
  if (OF_SENTINEL.test(error.message) && LOGIN.test(error.message.replace(OF_SENTINEL, "")))
    return "is behind Sentinels that refused the login (CCSP_REDIS_SENTINEL_LOGIN)";
  const code = "code" in error ? String(error.code) : "";
  if (UNTRUSTED.test(code)) return "has a certificate that CCSP_REDIS_CA_FILE does not trust, or that has another name";
  if (CLIENT_CERTIFICATE.test(code)) return "does not accept the certificate of this process (CCSP_REDIS_TLS_DIR)";
  return undefined;
}

async function ready(
  client: RedisClient,
  address: RedisAddress,
  { ms, stopping }: { readonly ms: number; readonly stopping: AbortSignal | undefined },
): Promise<void> {
  const listeners = new AbortController();
  let last: Error | undefined;
  const failed = new Promise<never>((_, reject) => {
    const onError = (error: Error & { lastNodeError?: Error }): void => {
      last = error.lastNodeError ?? error;
      const why = whyForGood(last);
      if (why !== undefined) reject(new Error(`Redis at ${address.at} ${why}: ${last.message}`));
    };
    client.on("error", onError);
    listeners.signal.addEventListener("abort", () => client.off("error", onError));
    const onStop = (): void => reject(new Error(`the process stops, and Redis at ${address.at} does not answer`));
    if (stopping?.aborted) onStop();
    else stopping?.addEventListener("abort", onStop, { signal: listeners.signal });
  });
  const connected = new Promise<void>((resolve) => {
    client.once("ready", resolve);
    listeners.signal.addEventListener("abort", () => client.off("ready", resolve));
  });
  // The first try rejects with an error that the listener above also sees. Later tries have no promise.
  client.connect().catch((error: Error) => {
    last ??= error;
  });
  try {
    await within(ms, Promise.race([connected, failed]), () => {
      const why = last === undefined ? "no answer" : last.message || last.name;
      throw new Error(`Redis at ${address.at} was not ready within ${ms} ms: ${why}`);
    });
  } finally {
    listeners.abort();
  }
}

const CONNECT_AGAIN_MS = 100;

/**
 * Keeps ioredis 6.0.0 from ending a connection in a failover. The listener for failovers of a lost connection lives on,
 * and would stop the attempt that asks a Sentinel for the master: all waiting commands would fail, and ioredis would
 * make no further attempt. So that listener ends with its connection, which ioredis has no public call for. A connection
 * that ended all the same is made again.
 */
function keepConnecting(client: RedisClient, isWanted: () => boolean): void {
  if (isOnSentinels(client)) client.on("close", () => client.connector.failoverDetector?.cleanup());
  client.on("end", () => {
    setTimeout(() => {
      // If this attempt fails, the client emits "end" again.
      if (isWanted()) client.connect().catch(() => undefined);
    }, CONNECT_AGAIN_MS).unref();
  });
}

interface OnSentinels {
  readonly connector: { readonly failoverDetector: { cleanup(): void } | null };
}

const isOnSentinels = (client: object): client is RedisClient & OnSentinels =>
  "connector" in client && typeof client.connector === "object" && "failoverDetector" in (client.connector ?? {});

/** Logs one line per loss and one per return, even if ioredis retries many times in between. */
function logLosses(client: RedisClient, log: Logger): void {
  let lost = false;
  const onLost = (err?: Error): void => {
    if (!lost) log.warn({ err }, "redis cannot be reached, trying again");
    lost = true;
  };
  client.on("error", onLost);
  client.on("reconnecting", () => onLost());
  client.on("ready", () => {
    if (lost) log.info("redis can be reached again");
    lost = false;
  });
}
