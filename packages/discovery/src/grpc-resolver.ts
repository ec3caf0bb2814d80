import type { HostPort } from "@ccsp/config";
import { type ChannelOptions, experimental, Metadata, status } from "@grpc/grpc-js";

/**
 * Only this file uses the experimental resolver interface of grpc-js, in the form that it has since 1.14: the listener
 * takes `(StatusOr<Endpoint[]>, attributes, StatusOr<ServiceConfig> | null, note)`. Because of this interface, grpc-js
 * is pinned to an exact version.
 */

/** A source reports here what it found. It may do so at any time, even inside `open`. */
export interface Findings {
  found(addresses: readonly HostPort[]): void;
  /**
   * Calls that do not wait fail with UNAVAILABLE and this message. If addresses were found before, they are kept and
   * used.
   */
  failed(message: string): void;
  /** Like `failed`, but drops the addresses that were found before. */
  none(message: string): void;
}

/** Looks up one name for one channel. */
export interface Source {
  /** The channel lost a connection and asks for news. */
  refresh(): void;
  close(): void;
}

/** Opens a source for the part of the target after `scheme:///`. */
export type OpenSource = (name: string, findings: Findings) => Source;

/** Makes `scheme:///name` a grpc target in this process. Open channels keep the source that they have. */
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
        // grpc-js forbids calls of the listener inside updateResolution and after destroy.
        setImmediate(() => {
          if (this.#source !== source) return;
          for (const result of results) this.#listener(result, {}, null, target);
        });
      };
      const failure = (message: string): experimental.StatusOr<experimental.Endpoint[]> => {
        const details = `${target}: ${message}`;
        const metadata = new Metadata();
        // No instance is known, so a retry cannot help. The call fails at once.
        metadata.set("grpc-retry-pushback-ms", "-1");
        return experimental.statusOrFromError({ code: status.UNAVAILABLE, details, metadata });
      };
      const source = open(this.#name, {
        found: (addresses) => report(endpoints(addresses)),
        failed: (message) => report(failure(message)),
        // Both reports are needed, one after the other. On an error alone, round_robin keeps its instances. On an empty
        // list alone, it lets calls hang (grpc-js 1.14.7: RoundRobinLoadBalancer.updateAddressList ends in IDLE with a
        // picker that queues).
        none: (message) => report(endpoints([]), failure(message)),
      });
      return source;
    }
  }
  experimental.registerResolver(scheme, SchemeResolver);
}

function endpoints(addresses: readonly HostPort[]): experimental.StatusOr<experimental.Endpoint[]> {
  return experimental.statusOrFromValue(addresses.map(({ host, port }) => ({ addresses: [{ host, port }] })));
}

/** The path of `static:///a:1` is `a:1`. When the name is missing, grpc-js leaves the slashes in. */
function nameOf({ path }: experimental.GrpcUri): string {
  return path.replace(/^\/+/, "");
}
