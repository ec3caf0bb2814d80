import type { ServiceSettings, Settings } from "@ccsp/config";
import type { ServiceContext } from "./run.js";

/** A service before it runs: what it is called, what it can be told, and how it starts. */
export interface ServiceDefinition<C extends { readonly service: ServiceSettings }> {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Every setting, for `load` and `describeSettings` of @ccsp/config. */
  define(settings: Settings): C;
  /** Opens everything the service needs; resolves when it serves. */
  start(config: C, context: ServiceContext): Promise<void>;
}
