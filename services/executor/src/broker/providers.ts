import { getCACertificates } from "node:tls";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { authorization } from "../sandbox/host-proxy.js";
import { upstreamOf } from "../sandbox/proxy-environment.js";

/** Connections to providers, which all runs share. */
export interface Providers {
  /**
   * `env`: the environment that the engine would have, for its proxy. `more`: certificates, in PEM, that it trusts
   * besides those of Node. Throws if the proxy cannot be used.
   */
  of(url: URL, env: Readonly<Record<string, string>>, more: string): Dispatcher;
  close(): Promise<void>;
}

const CONNECT_MS = 30_000;

export function createProviders(): Providers {
  /** By what they depend on. These are as few as engines, and one more for each renewed file of certificates. */
  const opened = new Map<string, Dispatcher>();
  return {
    of(url, env, more) {
      const proxy = upstreamOf(env)(hostIn(url));
      const key = JSON.stringify([proxy, more]);
      const dispatcher = opened.get(key) ?? open(proxy, more);
      opened.set(key, dispatcher);
      return dispatcher;
    },
    async close() {
      for (const dispatcher of opened.values()) await dispatcher.destroy();
    },
  };
}

/** An IPv6 address has no brackets. */
export const hostIn = ({ hostname }: URL): string => hostname.replaceAll(/[[\]]/g, "");

function open(proxy: URL | undefined, more: string): Dispatcher {
  const connect = { timeout: CONNECT_MS, ...(more !== "" && { ca: [...getCACertificates("default"), more] }) };
  if (proxy === undefined) return new Agent({ connect });
  const token = authorization(proxy)["proxy-authorization"];
  return new ProxyAgent({
    uri: proxy.origin,
    ...(token !== undefined && { token }),
    requestTls: connect,
    proxyTls: { timeout: CONNECT_MS },
    // A proxy of plain HTTP requests seldom allows CONNECT to port 80.
    proxyTunnel: false,
  });
}
