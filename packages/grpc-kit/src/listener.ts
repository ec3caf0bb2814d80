import { lookup } from "node:dns/promises";
import { createServer, type Server, type Socket } from "node:net";

/** Where a server accepts connections. */
export interface Listener {
  readonly port: number;
  /** Accepts no more. */
  close(): void;
  /** Ends what is still connected; resolves when nothing is. */
  end(): Promise<void>;
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
  const sockets = new Set<Socket>();

  const connected = (socket: Socket): void => {
    const address = socket.remoteAddress ?? "";
    const count = counts.get(address) ?? 0;
    if (count >= perAddress) {
      socket.destroy();
      refused(address);
      return;
    }
    counts.set(address, count + 1);
    sockets.add(socket);
    socket.once("close", () => {
      sockets.delete(socket);
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

  const closed = Promise.all(servers.map((server) => new Promise((resolve) => void server.once("close", resolve))));
  let closing = false;
  const close = (): void => {
    if (!closing) for (const server of servers) server.close();
    closing = true;
  };
  return {
    port: bound,
    close,
    async end() {
      close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
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
