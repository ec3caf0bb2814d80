import { Server, type ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { CallerBounds } from "../bounds/caller-bounds.js";
import { PLAIN } from "../wire/credentials.js";
import { DEFAULT_MAX_MESSAGE_BYTES } from "../wire/service-shape.js";
import { type AdmissionOptions, type Admit, createAdmission } from "./admission.js";
import type { Implementation } from "./handlers.js";
import { listen } from "./listener.js";
import { countRefused, observeCalls } from "./metrics.js";
import type { Serving } from "./serve-call.js";
import { addStandardServices } from "./standard-services.js";
import { stopServer } from "./stop-server.js";
import { explainTooLarge } from "./too-large.js";

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
  /** What is omitted has the bound of `BETWEEN_SERVICES`, which suits servers whose callers are services. */
  readonly connections?: Partial<ConnectionBounds> | undefined;
}

export interface ConnectionBounds {
  /** The most open calls on one connection. Further calls wait at the client. */
  readonly streamsPerConnection: number;
  readonly connectionsPerAddress: number;
  readonly connections: number;
  /** The most bytes of a call's headers, and of its trailers. A call with more is reset before the server sees it. */
  readonly headerBytes: number;
  /**
   * The time within which a client must begin to speak, and finish the handshake of TLS. A server that stops waits for
   * these clients too.
   */
  readonly handshakeMs: number;
  /** A connection that has no call for this time is closed. Its client connects again with its next call. */
  readonly idleMs: number;
  /**
   * A connection takes no more calls after this time, give or take a tenth. It ends when its calls have ended. But
   * grpc-js ends them itself at its next keepalive, with UNAVAILABLE
   * (https://github.com/grpc/grpc-node/issues/3068). So keep this time long.
   */
  readonly ageMs: number;
}

const UNBOUNDED = Number.POSITIVE_INFINITY;

const BETWEEN_SERVICES: ConnectionBounds = {
  streamsPerConnection: UNBOUNDED,
  connectionsPerAddress: UNBOUNDED,
  connections: UNBOUNDED,
  headerBytes: 64 * 1024,
  handshakeMs: 10_000,
  idleMs: 30 * 60_000,
  // TLS checks a certificate only when a connection begins. So this bounds how long an expired one works.
  ageMs: 24 * 60 * 60_000,
};

export interface GrpcServer {
  readonly port: number;
  /** Number of streams that are open now. */
  readonly openStreams: number;
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
    credentials = PLAIN.server,
  } = options;
  const connections: ConnectionBounds = { ...BETWEEN_SERVICES, ...options.connections };
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
  const server = newServer({ ...options, connections }, (peer) => listener.connectionsOf(peer), serving);
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
    bounds: connections,
    refused(address, limit) {
      serving.refused(limit);
      log.debug({ address, limit }, "a connection was closed: it is beyond a limit");
    },
  });
  let closing: Promise<void> | undefined;
  return {
    port: listener.port,
    get openStreams() {
      return serving.streams.size;
    },
    close() {
      closing ??= stopServer({ server, listener, serving, standard, drainMs, lameDuckMs });
      return closing;
    },
  };
}

function newServer(
  {
    maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
    admit,
    connections: { streamsPerConnection, headerBytes, handshakeMs, idleMs, ageMs },
  }: Pick<ServeOptions, "maxMessageBytes" | "admit"> & { readonly connections: ConnectionBounds },
  connectionsOf: AdmissionOptions["connectionsOf"],
  serving: Serving,
): Server {
  const { callers } = serving;
  const server = new Server({
    "grpc.max_connection_idle_ms": idleMs,
    "grpc.max_connection_age_ms": ageMs,
    interceptors: [
      explainTooLarge(maxMessageBytes, serving.observe),
      ...((admit ?? callers.limits ?? callers.meter) ? [createAdmission({ admit, connectionsOf }, serving)] : []),
    ],
    "grpc.max_receive_message_length": maxMessageBytes,
    // Finds clients that vanished without closing the connection. Their streams are then cancelled.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
  });
  // Raises Node's limit on stream resets per connection. One connection may be that of a proxy or a gateway with many
  // callers, and one of them must not cut off the others. If callers are not trusted, the server limits abandoned calls
  // per caller instead. grpc-js 1.14.7 has no option for this limit and the ones below, so the code sets a private field,
  // and the version is pinned. caller-bounds.test.ts and connection-bounds.test.ts fail if the field has no effect.
  // Node 24 has these options.
  Object.assign(server["commonServerOptions"], {
    streamResetBurst: MANY,
    streamResetRate: MANY,
    handshakeTimeout: handshakeMs,
    settings: {
      maxHeaderListSize: headerBytes,
      ...(Number.isFinite(streamsPerConnection) && { maxConcurrentStreams: streamsPerConnection }),
    },
  });
  return server;
}
