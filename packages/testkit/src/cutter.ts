import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy on loopback. A test cuts its connections at the moment at which an answer should get lost. */
export interface Cutter {
  /** `host:port` for the client. */
  readonly target: string;
  /** Breaks every connection at once, on both sides. New connections work. */
  cut(): void;
  close(): Promise<void>;
}

/** `port`: where the server listens, on 127.0.0.1. */
export async function startCutter(port: number): Promise<Cutter> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    target: `127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
    cut,
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
