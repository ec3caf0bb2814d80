import { getCACertificates } from "node:tls";
import { operatorFiles } from "@ccsp/engine-kit/own-files";
import { Agent, type Dispatcher, ProxyAgent } from "undici";
import { upstreamOf } from "../sandbox/proxy-environment.js";

/** Connections to providers, which all runs share. */
export interface Providers {
  /** `env`: the environment that the engine would have. Rejects if its proxy or its certificates cannot be used. */
  of(url: URL, env: Readonly<Record<string, string>>): Promise<Dispatcher>;
  close(): Promise<void>;
}

const CONNECT_MS = 30_000;

export function createProviders(): Providers {
  /** By what they depend on. Engines are few, and so are these. */
  const opened = new Map<string, Dispatcher>();
  return {
    async of(url, env) {
      const proxy = upstreamOf(env)(url.hostname)?.href;
      const file = env["NODE_EXTRA_CA_CERTS"];
      const more = file === undefined ? undefined : await operatorFiles.readFile(file, "utf8");
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

function open(proxy: string | undefined, more: string | undefined): Dispatcher {
  const connect = {
    timeout: CONNECT_MS,
    ...(more !== undefined && { ca: [...getCACertificates("default"), more] }),
  };
  if (proxy === undefined) return new Agent({ connect });
  // A proxy of plain HTTP requests seldom allows CONNECT to port 80.
  return new ProxyAgent({ uri: proxy, requestTls: connect, proxyTls: { timeout: CONNECT_MS }, proxyTunnel: false });
}
