import { isIP } from "node:net";
import { Agent, fetch as undiciFetch } from "undici";
import { DeliveryError } from "../domain/channel.js";
import type { Targets } from "./targets.js";

/** The longest answer that is read. */
const ANSWER_BYTES = 1024 * 1024;

export interface GuardedFetch {
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/**
 * Returns a `fetch` that connects only to addresses that are allowed. The address that was checked is the one that is
 * connected to, so that a name cannot change in between. It follows no redirect, and reads at most 1 MiB of an answer.
 */
export function createGuardedFetch(targets: Targets): GuardedFetch {
  const agent = new Agent({
    connections: 16,
    connectTimeout: 10_000,
    maxResponseSize: ANSWER_BYTES,
    connect: {
      lookup: (host, options, done) => {
        void (async () => {
          const address = await targets.resolve(host).catch((error: Error) => error);
          if (address instanceof Error) return done(address, "", 4);
          const family = isIP(address);
          // Node asks for all addresses or for one.
          return options.all ? done(null, [{ address, family }]) : done(null, address, family);
        })();
      },
    },
  });
  const guarded = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
    // A socket does not look up an address.
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    if (isIP(host) !== 0) await targets.resolve(host);
    try {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node's fetch is the same code with other types
      return await undiciFetch(url, { ...init, redirect: "manual", dispatcher: agent } as never);
    } catch (error) {
      const refused = refusalIn(error);
      if (refused !== undefined) throw refused;
      throw error;
    }
  };
  return { fetch: guarded, close: () => agent.destroy() };
}

/** `fetch` wraps what a connection failed with. */
function refusalIn(error: unknown): DeliveryError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) if (at instanceof DeliveryError) return at;
  return undefined;
}
