import type { ServiceSettings, Settings } from "@ccsp/config";
import type {
  Client,
  ClientOptions,
  Connection,
  Implementation,
  ServeOptions,
  ServiceShape,
  TlsFolder,
} from "@ccsp/grpc-kit";
import type { Check } from "@ccsp/telemetry";
import type { Registry } from "prom-client";
import type { Heartbeat } from "./heartbeat/heartbeat.js";
import type { ServiceContext } from "./run.js";

/** The definition of a service: its name, its settings and its start. */
export interface ServiceDefinition<C extends { readonly service: ServiceSettings }> {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Defines every setting, for `load` and `describeSettings` of @ccsp/config. */
  define(settings: Settings): C;
  /**
   * Checks for `--check-config` what the settings name, such as a file. Rejects with an Error that says what is wrong. It
   * changes nothing and calls no other service.
   */
  check?(config: C): Promise<void>;
  /**
   * Opens everything that the service needs. Resolves when the service accepts calls. Then `startService` makes it
   * ready.
   */
  start(config: C, context: StartContext): Promise<void>;
}

/**
 * What a service starts with. The functions open what every service has, with the service's settings and credentials.
 * What they open closes in the same order as what `open` opens.
 */
export interface StartContext extends ServiceContext {
  /** The service's metrics. */
  readonly registry: Registry;
  /** The certificate of the gRPC port, for another server of the service. Undefined without TLS. */
  readonly portTls: TlsFolder | undefined;
  /** What the instance tells the monitor, every 30 s. A service adds what only it knows. */
  readonly heartbeat: Heartbeat;
  /** Opens a client of another service. With TLS, the server must have the certificate of that service. */
  readonly openClient: <D extends ServiceShape>(
    called: D,
    target: string,
    options?: Omit<ClientOptions<D>, "credentials">,
  ) => Promise<Client<D> & Connection>;
  /** Creates a client of one instance of another service, at `host:port`. The service that calls it closes it. */
  readonly connect: <D extends ServiceShape>(called: D, address: string) => Client<D> & Connection;
  /**
   * Opens the ops port, with a check of each dependency. When the stop begins, the port says that the service drains.
   */
  readonly serveOps: (checks: Readonly<Record<string, Check>>) => Promise<void>;
  /**
   * Opens the gRPC port, then announces it in Consul. Call `serveOps` before: Consul asks the ops port for the state.
   * Without `admit`, callers need a certificate that the RPC's proto names. Without TLS, they stay unknown.
   */
  readonly serveGrpc: (services: readonly Implementation[], options?: CallerOptions) => Promise<Served>;
}

/** The gRPC port of a service. */
export interface Served {
  /** Host and port at which other services reach it. */
  readonly address: string;
}

/** How a service treats its callers. */
export type CallerOptions = Pick<ServeOptions, "admit" | "callers" | "connections">;
