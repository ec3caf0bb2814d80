import type { ConsulSettings } from "@ccsp/config";
import type { Logger } from "pino";
import { consulApi } from "./consul-api.js";
import { openConsulSource } from "./consul-source.js";
import { type OpenSource, registerScheme, type Source } from "./grpc-resolver.js";
import { openStatic } from "./static-source.js";

/**
 * Makes `consul:///name` and `static:///host:port,host:port` usable as grpc targets in this process; `dns:///` is built
 * into grpc. Call it before the first client. A repeated call is harmless: channels that are opened later use the
 * Consul of the newest call. This function does not throw. When a name cannot be resolved, calls fail with UNAVAILABLE
 * and the message names the target.
 *
 * While Consul is away, channels keep the instances that they know. When Consul answers with an empty list, channels
 * keep their instances for another 30 s. In this time, the instances of a restarted Consul register again.
 *
 * close() ends the watches. Channels that are still open keep the instances that they know.
 */
export function registerSchemes(options: { readonly consul: ConsulSettings | undefined; readonly log: Logger }): {
  close(): Promise<void>;
} {
  const { consul, log } = options;
  const open = new Set<Source>();
  let closed = false;

  const api = consul === undefined ? undefined : consulApi(consul);
  const openConsul: OpenSource = (name, findings) => {
    if (!api || closed) {
      findings.failed(closed ? "discovery is closed" : "no Consul is configured (CCSP_CONSUL_URL)");
      return { refresh: () => undefined, close: () => undefined };
    }
    const source = openConsulSource({ api, name, findings, log });
    open.add(source);
    return {
      refresh: () => source.refresh(),
      close() {
        open.delete(source);
        source.close();
      },
    };
  };

  registerScheme("static", openStatic);
  registerScheme("consul", openConsul);
  return {
    async close() {
      closed = true;
      for (const source of open) source.close();
      open.clear();
    },
  };
}
