import { Redis } from "ioredis";

/** Asks one server over a new connection. Rejects if the server does not answer a command within a second. */
export async function ask<T>(port: number, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(port, "127.0.0.1", { lazyConnect: true, retryStrategy: null, commandTimeout: 1_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await question(client);
  } finally {
    client.disconnect();
  }
}
