import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

const bytes = (value: Buffer): Buffer => value;

export interface RawClient {
  /**
   * A unary call whose messages stay bytes, over the channels in turn. So the cost of the caller is the same for every
   * server.
   */
  call(path: string, request: Buffer): Promise<Buffer>;
  close(): void;
}

/** Opens `channels` HTTP/2 connections to one server and waits until they are ready. */
export async function connectRaw(address: string, channels: number): Promise<RawClient> {
  const clients = Array.from(
    { length: channels },
    () =>
      new Client(address, credentials.createInsecure(), {
        "grpc.use_local_subchannel_pool": 1,
        "grpc.enable_http_proxy": 0,
        "grpc.initial_reconnect_backoff_ms": 100,
        "grpc.max_reconnect_backoff_ms": 200,
      }),
  );
  await Promise.all(
    clients.map(
      (client) =>
        new Promise<void>((resolve, reject) =>
          client.waitForReady(Date.now() + 20_000, (error) => (error ? reject(error) : resolve())),
        ),
    ),
  );
  let turn = 0;
  return {
    call(path, request) {
      turn = (turn + 1) % clients.length;
      return new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, reply?: Buffer) => {
          if (error || !reply) reject(error ?? new Error(`${path} answered nothing`));
          else resolve(reply);
        };
        clients[turn]?.makeUnaryRequest(path, bytes, bytes, request, new Metadata(), done);
      });
    },
    close() {
      for (const client of clients) client.close();
    },
  };
}
