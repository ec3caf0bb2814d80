import { type ChannelOptions, experimental, Metadata, status } from "@grpc/grpc-js";
import type { Address } from "./address.js";

/**
 * The one file that touches grpc-js's experimental resolver interface, in its shape since 1.14: the listener takes
 * `(StatusOr<Endpoint[]>, attributes, StatusOr<ServiceConfig> | null, note)`. It is why grpc-js is pinned exactly.
 */

/** Where a source says what it found. May be called at any time, also from within `open`. */
export interface Findings {
  found(addresses: readonly Address[]): void;
  /** Calls that do not wait fail with UNAVAILABLE and this message, unless addresses were found before. */
  failed(message: string): void;
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
      const report = (endpoints: experimental.StatusOr<experimental.Endpoint[]>) => {
        // grpc-js forbids to call the listener from within updateResolution, and after destroy.
        setImmediate(() => {
          if (this.#source === source) this.#listener(endpoints, {}, null, target);
        });
      };
      const source = open(this.#name, {
        found: (addresses) =>
          report(experimental.statusOrFromValue(addresses.map(({ host, port }) => ({ addresses: [{ host, port }] })))),
        failed: (message) =>
          report(
            experimental.statusOrFromError({
              code: status.UNAVAILABLE,
              details: `${target}: ${message}`,
              metadata: new Metadata(),
            }),
          ),
      });
      return source;
    }
  }
  experimental.registerResolver(scheme, SchemeResolver);
}

/** `static:///a:1` has the path `a:1`; without a name, grpc-js leaves the slashes in. */
function nameOf({ path }: experimental.GrpcUri): string {
  return path.replace(/^\/+/, "");
}
