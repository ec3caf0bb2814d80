import type { Io } from "../process/io.js";
import { type ConnectionOptions, type Gateway, withGateway } from "./connection.js";
import type { Operator } from "./operator-client.js";

export type { Operator };

/** A change of many tasks takes many scripts, so it gets more time. */
export const BULK_MS = 120_000;

/** Opens a client for operators' calls, passes it to `use`, and closes it. */
export async function atGateway<T>(
  io: Io,
  options: ConnectionOptions,
  use: (operator: Operator) => Promise<T>,
): Promise<T> {
  return withGateway(io, options, (gateway) => asOperator(gateway, use));
}

/** The same for a gateway that is known already. */
export async function asOperator<T>(gateway: Gateway, use: (operator: Operator) => Promise<T>): Promise<T> {
  const { callAsOperator } = await import("./operator-client.js"); // loads gRPC, so only a command that calls
  return callAsOperator(gateway, use);
}
