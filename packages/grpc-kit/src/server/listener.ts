import { lookup } from "node:dns/promises";
import { createServer, type Server, type Socket } from "node:net";
import { boundConnections, type ConnectionLimit, type ListenerBounds } from "./connections.js";

/** The sockets on which a server accepts connections. */
export interface Listener {
  readonly port: number;
  /** As in `ConnectionCounts`. */
  connectionsOf(peer: string): readonly Socket[];
  /** Accepts no more connections. Resolves when every connection has ended. */
  close(): Promise<void>;
  /** Ends all open connections. */
  end(): void;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly accept: (socket: Socket) => void;
  readonly bounds: ListenerBounds;
  /** Called for each connection that is closed because of a bound. */
  readonly refused: (address: string, limit: ConnectionLimit) => void;
}

/**
 * Listens on every address of a host, as grpc-js does by itself. grpc-js is not used for this because it cannot limit
 * connections. Rejects if no address can be bound, and the error names the host.
 */
export async function listen({ host, port, accept, bounds, refused }: ListenOptions): Promise<Listener> {
  const connections = boundConnections({ bounds, refused });
  const { servers, bound } = await listenOnAll({ host, port }, (socket) => {
    if (connections.enter(socket)) accept(socket);
  });

  let closed: Promise<void> | undefined;
  return {
    port: bound,
    connectionsOf: (peer) => connections.connectionsOf(peer),
    close() {
      closed ??= Promise.all(servers.map(close)).then(() => undefined);
      return closed;
    },
    end: () => connections.end(),
  };
}

async function listenOnAll(
  { host, port }: Pick<ListenOptions, "host" | "port">,
  connected: (socket: Socket) => void,
): Promise<{ readonly servers: readonly Server[]; readonly bound: number }> {
  const servers: Server[] = [];
  let bound = port;
  let fault: unknown;
  try {
    for (const { address } of await lookup(host, { all: true })) {
      const server = createServer({ noDelay: true }, connected);
      try {
        bound = await listenOn(server, address, bound);
        servers.push(server);
      } catch (error) {
        fault = error;
      }
    }
  } catch (error) {
    fault = error;
  }
  if (servers.length > 0) return { servers, bound };
  const why = fault instanceof Error ? fault.message : "the host has no address";
  throw new Error(`gRPC cannot listen on ${host.includes(":") ? `[${host}]` : host}:${port}: ${why}`, { cause: fault });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}

function listenOn(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
