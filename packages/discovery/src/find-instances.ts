import { type ConsulSettings, formatHostPort } from "@ccsp/config";
import { consulApi } from "./consul-api.js";

/**
 * Returns `host:port` of each healthy instance of a name, as Consul knows them now. It is for callers that want one
 * certain instance. Rejects when Consul does not answer.
 */
export async function findInstances({ consul, name }: { consul: ConsulSettings; name: string }): Promise<string[]> {
  const { signal } = new AbortController();
  const { addresses } = await consulApi(consul).passing(name, { index: 0, waitMs: 0, signal });
  return addresses.map(formatHostPort).toSorted();
}
