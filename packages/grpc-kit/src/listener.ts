import { lookup } from "node:dns/promises";
import { createServer, type Server, type Socket } from "node:net";

/** Where a server accepts connections. */
export interface Listener {
  readonly port: number;
  /** Whether the connection of a peer, as grpc-js names it, is open. */
  isOpen(peer: string): boolean;
  /** Accepts no more; resolves when every connection has ended. */
  close(): Promise<void>;
  /** Ends what is still connected. */
  end(): void;
}

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly accept: (socket: Socket) => void;
  /** Most connections of one address at a time; one more is closed before a byte is read. */
  readonly perAddress: number;
  readonly refused: (address: string) => void;
}

/**
 * Listens on every address of a host, as grpc-js would by itself: it has no bound on connections. Rejects when none can be listened on, naming the
 * host.
 */
export async function listen({ host, port, accept, perAddress, refused }: ListenOptions): Promise<Listener> {
  const counts = new Map<string, number>();
  const sockets = new Map<string, Socket>();

  const connected = (socket: Socket): void => {
    const address = socket.remoteAddress ?? "";
    const count = counts.get(address) ?? 0;
    if (count >= perAddress) {
      socket.destroy();
      refused(address);
      return;
    }
    counts.set(address, count + 1);
    const peer = `${address}:${socket.remotePort}`;
    sockets.set(peer, socket);
    socket.once("close", () => {
      sockets.delete(peer);
      const left = (counts.get(address) ?? 1) - 1;
      if (left === 0) counts.delete(address);
      else counts.set(address, left);
    });
    accept(socket);
  };

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
  if (servers.length === 0) {
    const why = fault instanceof Error ? fault.message : "the host has no address";
    throw new Error(`gRPC cannot listen on ${host.includes(":") ? `[${host}]` : host}:${port}: ${why}`, {
      cause: fault,
    });
  }

  let closed: Promise<void> | undefined;
  return {
    port: bound,
    isOpen: (peer) => sockets.has(peer),
    close() {
      closed ??= Promise.all(servers.map(close)).then(() => undefined);
      return closed;
    },
    end() {
      for (const socket of sockets.values()) socket.destroy();
    },
  };
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
