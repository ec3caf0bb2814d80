import type { ServiceSettings, Settings } from "@ccsp/config";
import type { Client, ClientOptions, Connection, Implementation, ServeOptions, ServiceShape } from "@ccsp/grpc-kit";
import type { Check } from "@ccsp/telemetry";
import type { Registry } from "prom-client";
import type { ServiceContext } from "./run.js";

/** The definition of a service: its name, its settings and its start. */
export interface ServiceDefinition<C extends { readonly service: ServiceSettings }> {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Defines every setting, for `load` and `describeSettings` of @ccsp/config. */
  define(settings: Settings): C;
  /** Opens everything that the service needs. Resolves when the service accepts calls. Then `startService` makes it ready. */
  start(config: C, context: StartContext): Promise<void>;
}

/**
 * What a service starts with. Its functions open what every service has, by the service's settings and with its
 * credentials. What they open is closed as with `open`.
 */
export interface StartContext extends ServiceContext {
  /** The service's metrics. */
  readonly registry: Registry;
  /** A client of another service. */
  readonly openClient: <D extends ServiceShape>(
    called: D,
    target: string,
    options?: Omit<ClientOptions<D>, "credentials">,
  ) => Promise<Client<D> & Connection>;
  /** The ops port, with a check of each dependency. It says from the begin of the stop that the service drains. */
  readonly serveOps: (checks: Readonly<Record<string, Check>>) => Promise<void>;
  /** The gRPC port, which is then announced in Consul. It comes after `serveOps`: Consul asks the ops port for the state. */
  readonly serveGrpc: (services: readonly Implementation[], options?: CallerOptions) => Promise<void>;
}

/** How a service treats its callers. */
export type CallerOptions = Pick<ServeOptions, "admit" | "callerUnreadBytes" | "strangers">;
