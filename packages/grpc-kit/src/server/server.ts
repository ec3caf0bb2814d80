import { Server, type ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { CallerBounds } from "../bounds/caller-bounds.js";
import { PLAIN } from "../wire/credentials.js";
import { DEFAULT_MAX_MESSAGE_BYTES } from "../wire/service-shape.js";
import { type Admit, createAdmission } from "./admission.js";
import type { Implementation } from "./handlers.js";
import { listen } from "./listener.js";
import { countRefused, observeCalls } from "./metrics.js";
import type { Serving } from "./serve-call.js";
import { addStandardServices } from "./standard-services.js";
import { stopServer } from "./stop-server.js";

export interface ServeOptions {
  /** Port 0 chooses a free port. `GrpcServer.port` is the port in use. */
  readonly listen: { readonly host: string; readonly port: number };
  /** No TLS if omitted. */
  readonly credentials?: ServerCredentials | undefined;
  readonly services: readonly Implementation[];
  readonly log: Logger;
  readonly registry?: Registry | undefined;
  /** The largest request that the server reads. */
  readonly maxMessageBytes?: number | undefined;
  /** How long open calls may take to finish after the server begins to stop, in ms. */
  readonly drainMs?: number | undefined;
  /**
   * How long the server still answers after it reports NOT_SERVING, in ms. In this time clients can move to another
   * instance.
   */
  readonly lameDuckMs?: number | undefined;
  /**
   * The server closes a stream with UNAVAILABLE `SLOW_READER` if its reader takes nothing for this many ms. A stalled
   * stream keeps all memory of its handler in use.
   */
  readonly stalledMs?: number | undefined;
  /**
   * In ms, default 1 s. If a call waited longer before its refusal with DEPENDENCY_UNAVAILABLE, the caller's channel
   * does not repeat it.
   */
  readonly repeatWithinMs?: number | undefined;
  /** Proves the identity of callers. Without it, the server serves every call, and handlers do not know the caller. */
  readonly admit?: Admit | undefined;
  /** The bounds on one caller. Other servers of the process may share them. Default: its own, without `limits`. */
  readonly callers?: CallerBounds | undefined;
  /** Without it, connections are not bounded. Omit it for servers whose callers are services. */
  readonly connections?: ConnectionBounds | undefined;
}

export interface ConnectionBounds {
  /** The most open calls on one connection. Further calls wait at the client. */
  readonly streamsPerConnection: number;
  readonly connectionsPerAddress: number;
}

export interface GrpcServer {
  readonly port: number;
  /**
   * Stops the server in these steps:
   * 1. It reports NOT_SERVING and serves normally for `lameDuckMs`.
   * 2. It ends streams with UNAVAILABLE `SHUTTING_DOWN` and refuses new streams.
   * 3. It lets unary calls finish.
   * 4. After `drainMs` it aborts the remaining calls and answers them with the same status, so that their callers try
   *    another instance.
   *
   * A second call of `close` waits for the same end.
   */
  close(): Promise<void>;
}

const MANY = 1_000_000;

/**
 * Serves the implementations, with health and reflection. Rejects if the address cannot be bound, and the error names
 * the address.
 */
export async function serveGrpc(options: ServeOptions): Promise<GrpcServer> {
  const {
    services,
    log,
    drainMs = 20_000,
    lameDuckMs = 500,
    stalledMs = 60_000,
    repeatWithinMs = 1_000,
    callers = new CallerBounds({ waitMs: stalledMs }),
    connections,
    credentials = PLAIN.server,
  } = options;
  const serving: Serving = {
    log,
    observe: observeCalls(options.registry),
    refused: countRefused(options.registry),
    traced: new Set(services.flatMap(({ traced }) => traced)),
    streams: new Set(),
    unary: new Set(),
    stopping: false,
    stalledMs,
    repeatWithinMs,
    callers,
  };
  const server = newServer(options, (peer) => listener.isOpen(peer), serving);
  for (const service of services) {
    const { definition, handlers } = service.bind(serving);
    server.addService(definition, handlers);
  }
  const standard = addStandardServices(
    server,
    services.map((service) => service.serviceName),
  );

  const injector = server.createConnectionInjector(credentials);
  const listener = await listen({
    ...options.listen,
    accept: (socket) => injector.injectConnection(socket),
    perAddress: connections?.connectionsPerAddress ?? Number.POSITIVE_INFINITY,
    refused(address) {
      serving.refused("connections");
      log.debug({ address }, "a connection was refused: its address has as many connections as are allowed");
    },
  });
  let closing: Promise<void> | undefined;
  return {
    port: listener.port,
    close() {
      closing ??= stopServer({ server, listener, serving, standard, drainMs, lameDuckMs });
      return closing;
    },
  };
}

function newServer(
  { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, admit, connections }: ServeOptions,
  isOpen: (peer: string) => boolean,
  serving: Serving,
): Server {
  const { callers } = serving;
  const server = new Server({
    ...(connections && { "grpc.max_concurrent_streams": connections.streamsPerConnection }),
    ...((admit ?? callers.limits) && { interceptors: [createAdmission({ admit, isOpen }, serving)] }),
    "grpc.max_receive_message_length": maxMessageBytes,
    // Finds clients that vanished without closing the connection. Their streams are then cancelled.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
  });
  // Raises Node's limit on stream resets per connection. One connection may be that of a proxy or a gateway with many
  // callers, and one of them must not cut off the others. If callers are not trusted, the server limits abandoned calls
  // per caller instead. grpc-js 1.14.7 has no option for this limit, so the code sets a private field, and the version
  // is pinned. caller-bounds.test.ts fails if the field has no effect. Node 24 has these options.
  Object.assign(server["commonServerOptions"], { streamResetBurst: MANY, streamResetRate: MANY });
  return server;
}
