import { type Address, fingerprint } from "./address.js";

/** What to tell the channel after an answer of Consul: a new list, that there is nobody, or nothing. */
export type News = { readonly found: readonly Address[] } | "nobody" | undefined;

/**
 * The last good list of one name. An agent that was restarted answers with an empty list until the instances have
 * registered again, so an empty answer counts only when it has lasted for `graceMs`: until then the instances that were
 * known are still tried. Nothing is lost by that when they are really gone, because calls to them fail either way.
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

  /** Takes an answer that arrived at `nowMs` of any steady clock. */
  take(addresses: readonly Address[], nowMs: number): News {
    if (addresses.length > 0) {
      this.#emptySince = undefined;
      const print = fingerprint(addresses);
      if (print === this.#known) return undefined;
      this.#known = print;
      return { found: addresses };
    }
    if (this.empty) return "nobody";
    this.#emptySince ??= nowMs;
    if (nowMs - this.#emptySince < this.#graceMs) return undefined;
    this.#known = "";
    return "nobody";
  }
}
