import type { HostPort } from "@ccsp/config";
import { fingerprint } from "./address.js";

/** News for the channel after an answer of Consul: a new list, that no instance exists, or nothing. */
export type News = { readonly found: readonly HostPort[] } | "none" | undefined;

/**
 * The last good list of one name. A restarted agent answers with an empty list until the instances have registered
 * again. So an empty answer counts only when it has lasted for `graceMs`; until then, callers still try the known
 * instances. This costs nothing when the instances are really gone, because calls to them fail either way.
 */
export class KnownInstances {
  readonly #graceMs: number;
  #known = "";
  #emptySince: number | undefined;

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  get empty(): boolean {
    return this.#known === "";
  }

  /** Takes an answer that arrived at `nowMs`, by any monotonic clock. */
  take(addresses: readonly HostPort[], nowMs: number): News {
    if (addresses.length > 0) {
      this.#emptySince = undefined;
      const print = fingerprint(addresses);
      if (print === this.#known) return undefined;
      this.#known = print;
      return { found: addresses };
    }
    if (this.empty) return "none";
    this.#emptySince ??= nowMs;
    if (nowMs - this.#emptySince < this.#graceMs) return undefined;
    this.#known = "";
    return "none";
  }
}
