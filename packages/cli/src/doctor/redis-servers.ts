import type { RedisSettings } from "@ccsp/config";
import type { RedisConnection } from "@ccsp/redis-kit";

/** The part of a client that the checks use. */
export interface RedisServerClient {
  info(section: string): Promise<string>;
  time(): Promise<readonly (string | number)[]>;
  config(command: "GET", name: string): Promise<unknown>;
}

/** A server of a Redis, with a connection to it. */
export interface RedisServer {
  readonly name: string;
  readonly client: RedisServerClient;
}

const ANSWER_MS = 5_000;

/** Opens a connection, passes it to `use`, and closes it. Rejects if Redis is not ready within 5 s. */
export async function openForChecks<T>(
  settings: RedisSettings,
  use: (connection: RedisConnection) => Promise<T>,
): Promise<T> {
  const [{ openRedis }, { pino }] = await Promise.all([import("@ccsp/redis-kit"), import("pino")]);
  const redis = await openRedis(settings, { log: pino({ level: "silent" }), name: "doctor", startMs: ANSWER_MS });
  try {
    return await use(redis);
  } finally {
    await redis.close();
  }
}

/** Each master of a Cluster, or the one server. */
export function serversOf({ client }: RedisConnection): readonly RedisServer[] {
  const nodes = "nodes" in client ? client.nodes("master") : [client];
  return nodes.map((node) => ({ name: `Redis ${node.options.host ?? ""}:${node.options.port ?? ""}`, client: node }));
}
