import type { ConsulSettings, Env, RedisSettings } from "@ccsp/config";

/** The Consul that the environment names. Undefined: none. */
export function consulOf(env: Env): ConsulSettings | undefined {
  const url = env["CCSP_CONSUL_URL"];
  if (!url) return undefined;
  return {
    url,
    caFile: env["CCSP_CONSUL_CA_FILE"] || undefined,
    token: env["CCSP_CONSUL_TOKEN"] || undefined,
    tokenFile: env["CCSP_CONSUL_TOKEN_FILE"] || undefined,
  };
}

/** The Redis that the environment names. Undefined: none. */
export function redisOf(env: Env): RedisSettings | undefined {
  const url = env["CCSP_REDIS_URL"];
  if (!url) return undefined;
  return {
    url,
    sentinelLogin: env["CCSP_REDIS_SENTINEL_LOGIN"] || undefined,
    caFile: env["CCSP_REDIS_CA_FILE"] || undefined,
    tlsDir: env["CCSP_REDIS_TLS_DIR"] || undefined,
  };
}
