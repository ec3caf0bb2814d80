import { Server, type ServerCredentials } from "@grpc/grpc-js";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { type Admit, createAdmission } from "./admission.js";
import type { CallerLimits } from "./caller-limits.js";
import { UnreadBytes } from "./caller-room.js";
import { PLAIN } from "./credentials.js";
import type { Implementation } from "./handlers.js";
import { listen } from "./listener.js";
import { countRefused, observeCalls } from "./metrics.js";
import type { Serving } from "./serve-call.js";
import { addStandardServices } from "./standard-services.js";
import { stopServer } from "./stop-server.js";

export interface ServeOptions {
  /** Port 0 takes a free one; `GrpcServer.port` says which. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Plain if left out. */
  readonly credentials?: ServerCredentials | undefined;
  readonly services: readonly Implementation[];
  readonly log: Logger;
  readonly registry?: Registry | undefined;
  /** Largest request that is read. */
  readonly maxMessageBytes?: number | undefined;
  /** How long calls under way may take to finish once the server stops. */
  readonly drainMs?: number | undefined;
  /** How long the server keeps answering after it said NOT_SERVING, so that clients can turn away first. */
  readonly lameDuckMs?: number | undefined;
  /** A stream whose reader takes nothing for so long is closed with UNAVAILABLE `SLOW_READER`: it holds what its handler holds. */
  readonly stalledMs?: number | undefined;
  /** A call that waited for longer before it was refused with DEPENDENCY_UNAVAILABLE is not repeated by its caller's channel: 1 s. */
  readonly repeatWithinMs?: number | undefined;
  /** Most bytes that one caller may have sent to it without reading them, of the calls that are counted for it (`context.unread`). */
  readonly callerUnreadBytes?: number | undefined;
  /** Proves who calls. Without it every call is served, and no handler knows whose it is. */
  readonly admit?: Admit | undefined;
  /** Without it only what one stream holds is bounded: for servers whose callers are services. */
  readonly strangers?: Strangers | undefined;
}

/** The bounds on callers that nobody vouches for, and on their connections. */
export interface Strangers {
  readonly perCaller: CallerLimits;
  /** Calls under way on one connection; more of them wait at the client. */
  readonly streamsPerConnection: number;
  readonly connectionsPerAddress: number;
}

export interface GrpcServer {
  readonly port: number;
  /**
   * NOT_SERVING, then `lameDuckMs` of normal service, then streams end with UNAVAILABLE `SHUTTING_DOWN` and new ones are
   * refused, then unary calls finish; what still runs after `drainMs` is aborted and answered in the same way, so that its
   * caller tries elsewhere. Calling it again waits for the same end.
   */
  close(): Promise<void>;
}

export const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Two of the largest messages. */
const DEFAULT_CALLER_UNREAD_BYTES = 2 * DEFAULT_MAX_MESSAGE_BYTES;

const MANY = 1_000_000;

/**
 * Serves the implementations with health and reflection. Rejects when the address cannot be bound, naming it.
 */
export async function serveGrpc(options: ServeOptions): Promise<GrpcServer> {
  const {
    services,
    log,
    drainMs = 20_000,
    lameDuckMs = 500,
    stalledMs = 60_000,
    repeatWithinMs = 1_000,
    callerUnreadBytes = DEFAULT_CALLER_UNREAD_BYTES,
    strangers,
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
    unread: new UnreadBytes({ callerBytes: callerUnreadBytes, waitMs: stalledMs }),
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
    perAddress: strangers?.connectionsPerAddress ?? Number.POSITIVE_INFINITY,
    refused(address) {
      serving.refused("connections");
      log.debug({ address }, "a connection was refused: its address has as many as it may");
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
  { maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES, admit, strangers }: ServeOptions,
  isOpen: (peer: string) => boolean,
  serving: Serving,
): Server {
  const nowMs = () => performance.now();
  const server = new Server({
    ...(strangers && { "grpc.max_concurrent_streams": strangers.streamsPerConnection }),
    ...((admit ?? strangers) && {
      interceptors: [createAdmission({ admit, limits: strangers?.perCaller, nowMs, isOpen }, serving)],
    }),
    "grpc.max_receive_message_length": maxMessageBytes,
    // Finds clients that vanished without closing, so that their streams are cancelled.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
  });
  // Bounded by caller, where callers are strangers; a connection may be that of a proxy or a gateway, whose callers one of them must not cut off.
  // grpc-js 1.14.7 passes no such option on, and is pinned: strangers.test.ts fails where this is in vain. Node 24 has them.
  Object.assign(server["commonServerOptions"], { streamResetBurst: MANY, streamResetRate: MANY });
  return server;
}
