import type { ServiceSettings, Settings } from "@ccsp/config";
import type { ServiceContext } from "./run.js";

/** The definition of a service: its name, its settings and its start. */
export interface ServiceDefinition<C extends { readonly service: ServiceSettings }> {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Defines every setting, for `load` and `describeSettings` of @ccsp/config. */
  define(settings: Settings): C;
  /** Opens everything that the service needs. Resolves when the service accepts calls. */
  start(config: C, context: ServiceContext): Promise<void>;
}
