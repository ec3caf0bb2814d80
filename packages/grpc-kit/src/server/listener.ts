import { lookup } from "node:dns/promises";
import { createServer, type Server, type Socket } from "node:net";
import { limitedAddress } from "../bounds/call-meter.js";

/** The sockets on which a server accepts connections. */
export interface Listener {
  readonly port: number;
  /**
   * The open connections of this peer. The peer is named as grpc-js names it. A client may use one port of its own for
   * several connections, if each goes to another address of this host.
   */
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

export interface ListenerBounds {
  /** The most connections at the same time. A further connection is closed before the server reads a byte. */
  readonly connections: number;
  /** The same for one address. */
  readonly connectionsPerAddress: number;
  /** A client that has sent nothing within this time is disconnected. */
  readonly handshakeMs: number;
}

/** `connections` is the limit of one address. */
export const CONNECTION_LIMITS = ["connections", "all_connections", "handshake"] as const;
export type ConnectionLimit = (typeof CONNECTION_LIMITS)[number];

/**
 * Listens on every address of a host, as grpc-js does by itself. grpc-js is not used for this because it cannot limit
 * connections. Rejects if no address can be bound, and the error names the host.
 */
export async function listen({ host, port, accept, bounds, refused }: ListenOptions): Promise<Listener> {
  const connections = new Connections();
  const { servers, bound } = await listenOnAll({ host, port }, (socket) => {
    const address = limitedAddress(socket.remoteAddress ?? "");
    const limit = connections.limitFor(address, bounds);
    if (limit) {
      socket.destroy();
      refused(address, limit);
      return;
    }
    connections.add(address, socket);
    accept(socket);
    const timer = setTimeout(() => {
      if (socket.bytesRead > 0) return;
      socket.destroy();
      refused(address, "handshake");
    }, bounds.handshakeMs);
    timer.unref();
    socket.once("close", () => clearTimeout(timer));
  });

  let closed: Promise<void> | undefined;
  return {
    port: bound,
    connectionsOf: (peer) => connections.find(peer),
    close() {
      closed ??= Promise.all(servers.map(close)).then(() => undefined);
      return closed;
    },
    end: () => connections.end(),
  };
}

class Connections {
  readonly #counts = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<string, readonly Socket[]>();

  /** The limit that one more connection of this address would exceed. */
  limitFor(address: string, bounds: ListenerBounds): ConnectionLimit | undefined {
    if (this.#of(address) >= bounds.connectionsPerAddress) return "connections";
    return this.#sockets.size >= bounds.connections ? "all_connections" : undefined;
  }

  find(peer: string): readonly Socket[] {
    return this.#peers.get(peer) ?? [];
  }

  add(address: string, socket: Socket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    this.#sockets.add(socket);
    this.#peers.set(peer, [...this.find(peer), socket]);
    this.#counts.set(address, this.#of(address) + 1);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      const others = this.find(peer).filter((other) => other !== socket);
      if (others.length === 0) this.#peers.delete(peer);
      else this.#peers.set(peer, others);
      const left = this.#of(address) - 1;
      if (left === 0) this.#counts.delete(address);
      else this.#counts.set(address, left);
    });
  }

  #of(address: string): number {
    return this.#counts.get(address) ?? 0;
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
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
