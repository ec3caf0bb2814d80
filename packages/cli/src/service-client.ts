import { type Client, type Connection, createClient, PLAIN, type ServiceShape } from "@ccsp/grpc-kit/client.js";

/**
 * A client of a service behind the gateway. Only this function decides how the command proves its identity to those
 * services.
 */
export function serviceClient<D extends ServiceShape>(
  definition: D,
  target: string,
  timeoutMs: number,
): Client<D> & Connection {
  return createClient(definition, target, { timeoutMs, credentials: PLAIN.channel });
}
