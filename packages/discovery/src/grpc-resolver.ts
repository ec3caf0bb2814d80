import { type ChannelOptions, experimental, Metadata, status } from "@grpc/grpc-js";
import type { Address } from "./address.js";

/**
 * The one file that touches grpc-js's experimental resolver interface, in its shape since 1.14: the listener takes
 * `(StatusOr<Endpoint[]>, attributes, StatusOr<ServiceConfig> | null, note)`. It is why grpc-js is pinned exactly.
 */

/** Where a source says what it found. May be called at any time, also from within `open`. */
export interface Findings {
  found(addresses: readonly Address[]): void;
  /** Calls that do not wait fail with UNAVAILABLE and this message, unless addresses were found before: these are kept. */
  failed(message: string): void;
  /** As `failed`, and what was found before is dropped. */
  nobody(message: string): void;
}

/** What looks one name up for one channel. */
export interface Source {
  /** The channel lost a connection and wants to know what is new. */
  refresh(): void;
  close(): void;
}

/** Opens a source for the part of the target after `scheme:///`. */
export type OpenSource = (name: string, findings: Findings) => Source;

/** Makes `scheme:///name` a grpc target of this process. Channels that are open keep the source that they have. */
export function registerScheme(scheme: string, open: OpenSource): void {
  class SchemeResolver implements experimental.Resolver {
    readonly #name: string;
    readonly #listener: experimental.ResolverListener;
    #source: Source | undefined;

    constructor(target: experimental.GrpcUri, listener: experimental.ResolverListener, _options: ChannelOptions) {
      this.#name = nameOf(target);
      this.#listener = listener;
    }

    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return nameOf(target).split(",")[0] || "localhost";
    }

    updateResolution(): void {
      if (this.#source) this.#source.refresh();
      else this.#source = this.#open();
    }

    destroy(): void {
      this.#source?.close();
      this.#source = undefined;
    }

    #open(): Source {
      const target = `${scheme}:///${this.#name}`;
      const report = (...results: experimental.StatusOr<experimental.Endpoint[]>[]) => {
        // grpc-js forbids to call the listener from within updateResolution, and after destroy.
        setImmediate(() => {
          if (this.#source !== source) return;
          for (const result of results) this.#listener(result, {}, null, target);
        });
      };
      const failure = (message: string): experimental.StatusOr<experimental.Endpoint[]> => {
        const details = `${target}: ${message}`;
        const metadata = new Metadata();
        // No instance is known, so a retry cannot help: the call fails at once.
        metadata.set("grpc-retry-pushback-ms", "-1");
        return experimental.statusOrFromError({ code: status.UNAVAILABLE, details, metadata });
      };
      const source = open(this.#name, {
        found: (addresses) => report(endpoints(addresses)),
        failed: (message) => report(failure(message)),
        // round_robin keeps its instances on an error, and on an empty list alone it lets calls hang (grpc-js 1.14.7,
        // RoundRobinLoadBalancer.updateAddressList ends in IDLE with a picker that queues). One after the other works.
        nobody: (message) => report(endpoints([]), failure(message)),
      });
      return source;
    }
  }
  experimental.registerResolver(scheme, SchemeResolver);
}

function endpoints(addresses: readonly Address[]): experimental.StatusOr<experimental.Endpoint[]> {
  return experimental.statusOrFromValue(addresses.map(({ host, port }) => ({ addresses: [{ host, port }] })));
}

/** `static:///a:1` has the path `a:1`; without a name, grpc-js leaves the slashes in. */
function nameOf({ path }: experimental.GrpcUri): string {
  return path.replace(/^\/+/, "");
}
