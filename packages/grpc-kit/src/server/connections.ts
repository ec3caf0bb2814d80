import type { Socket } from "node:net";
import { limitedAddress } from "../bounds/call-meter.js";

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

/** The open connections of one server, within its bounds. */
export interface ConnectionCounts {
  /** Counts a new connection. Returns false if it is beyond a bound: then it is closed. */
  enter(socket: Socket): boolean;
  /**
   * The open connections of this peer. The peer is named as grpc-js names it. A client may use one port of its own for
   * several connections, if each goes to another address of this host.
   */
  connectionsOf(peer: string): readonly Socket[];
  /** Ends all open connections. */
  end(): void;
}

/**
 * Bounds the connections of one server, whatever it speaks. `refused` is called for each connection that is closed
 * because of a bound.
 */
export function boundConnections({
  bounds,
  refused,
}: {
  readonly bounds: ListenerBounds;
  readonly refused: (address: string, limit: ConnectionLimit) => void;
}): ConnectionCounts {
  const connections = new Connections();
  return {
    enter(socket) {
      const address = limitedAddress(socket.remoteAddress ?? "");
      const limit = connections.limitFor(address, bounds);
      if (limit) {
        socket.destroy();
        refused(address, limit);
        return false;
      }
      connections.add(address, socket);
      const timer = setTimeout(() => {
        if (socket.bytesRead > 0) return;
        socket.destroy();
        refused(address, "handshake");
      }, bounds.handshakeMs);
      timer.unref();
      socket.once("close", () => clearTimeout(timer));
      return true;
    },
    connectionsOf: (peer) => connections.find(peer),
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
