import { join } from "node:path";
import type { ConsulSettings, RedisSettings } from "@ccsp/config";
import { consulTokenFile, redisLogin } from "@ccsp/fleet";
import type { FleetState, StateDir } from "../local-fleet/state.js";

/** The fleet's own Redis, as its administrator. Undefined: the fleet uses another Redis, or does not say its port. */
export async function localRedis({ dataDir }: StateDir, { redisPort }: FleetState): Promise<RedisSettings | undefined> {
  if (redisPort === undefined) return undefined;
  const login = await redisLogin(join(dataDir, "redis"), "admin");
  return { url: `redis://${login}127.0.0.1:${redisPort}` };
}

/** The same for its Consul. */
export const localConsul = ({ dataDir }: StateDir, { consulUrl }: FleetState): ConsulSettings | undefined =>
  consulUrl === undefined
    ? undefined
    : { url: consulUrl, tokenFile: consulTokenFile(join(dataDir, "consul"), "management") };
