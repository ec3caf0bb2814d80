import type { Client } from "@ccsp/grpc-kit/client.js";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type Command, Option } from "commander";
import { CliError, EXIT, messageOf } from "./exit.js";
import type { Io } from "./io.js";
import { consulOf } from "./named-stores.js";
import { addresses } from "./option-values.js";
import { type Format, type OutputOptions, withOutput } from "./output/format.js";
import { openSchemes } from "./schemes.js";
import { serviceClient } from "./service-client.js";
import { type FleetState, findFleet, stateDir } from "./state.js";

export type QueueClient = Client<QueueServiceService>;
export type ExecutorClient = Client<ExecutorServiceService>;

/**
 * Options that every command accepts that talks to the queue directly. No agent may do what these commands do. They
 * need no token, only access to the network of the queue.
 */
export interface QueueOptions extends OutputOptions {
  readonly queue?: string;
}

export interface ExecutorOptions extends OutputOptions {
  readonly executors?: readonly string[];
}

/** `formats`: what the command can show (see `withOutput`). */
export function withQueue(command: Command, formats?: readonly Format[]): Command {
  return withOutput(command, formats).option(
    "--queue <target>",
    "gRPC target of the queue (CCSP_QUEUE_TARGET; default: the local fleet, else Consul's)",
  );
}

/** `formats`: what the command can show (see `withOutput`). */
export function withExecutors(command: Command, formats?: readonly Format[]): Command {
  return withOutput(command, formats).addOption(
    new Option(
      "--executors <host:port...>",
      "where executors are (default: the local fleet's, else Consul's)",
    ).argParser(addresses),
  );
}

/** Default for who makes a request, for the audit. */
export const userOf = ({ env }: Io): string => env["USER"] || "operator";

/** Opens a client of the queue, passes it to `use`, and closes it. */
export async function atQueue<T>(io: Io, options: QueueOptions, use: (queue: QueueClient) => Promise<T>): Promise<T> {
  const target = options.queue || io.env["CCSP_QUEUE_TARGET"] || (await inFleet(io, "queue")) || consulQueue(io);
  const schemes = await openSchemes(io, target);
  const client = serviceClient(QueueServiceService, target, ANSWER_MS);
  try {
    return await use(client);
  } finally {
    client.close();
    await schemes.close();
  }
}

// For a single answer, a person should get an error message soon.
const ANSWER_MS = 5_000;
/** A change of many tasks takes many scripts, so it gets more time. */
export const BULK_MS = 120_000;

/** All replicas of a service of the local fleet as one target. Empty when none runs. */
async function inFleet({ env }: Io, wanted: string): Promise<string> {
  const addresses = addressesOf(await findFleet(stateDir(env)), wanted);
  return addresses.length === 0 ? "" : `static:///${addresses.join(",")}`;
}

const addressesOf = (fleet: FleetState | undefined, wanted: string): string[] =>
  (fleet?.services ?? []).filter(({ name }) => name === wanted).map(({ ports }) => `127.0.0.1:${ports.grpc}`);

function consulQueue({ env }: Io): string {
  if (env["CCSP_CONSUL_URL"]) return "consul:///queue";
  throw nowhere("name the queue with --queue (or CCSP_QUEUE_TARGET)");
}

const nowhere = (how: string): CliError =>
  new CliError(EXIT.unavailable, `no fleet runs here: start one with \`ccsp up\`, set CCSP_CONSUL_URL, or ${how}`);

/** Calls `use` with a client of each executor and its address, and closes the clients. */
export async function atExecutors<T>(
  io: Io,
  options: ExecutorOptions,
  use: (executors: readonly { readonly address: string; readonly client: ExecutorClient }[]) => Promise<T>,
): Promise<T> {
  const places = await executorAddresses(io, options);
  const opened = places.map((address) => ({
    address,
    client: serviceClient(ExecutorServiceService, address, EXECUTOR_MS),
  }));
  try {
    return await use(opened);
  } finally {
    for (const { client } of opened) client.close();
  }
}

// An executor that is gone must not make people wait.
const EXECUTOR_MS = 3_000;

async function executorAddresses(io: Io, { executors }: ExecutorOptions): Promise<readonly string[]> {
  if (executors) return executors;
  const local = addressesOf(await findFleet(stateDir(io.env)), "executor");
  if (local.length > 0) return local;
  const consul = consulOf(io.env);
  if (!consul) throw nowhere("name executors with --executors");
  const { findInstances } = await import("@ccsp/discovery");
  return findInstances({ consul, name: "executor" }).catch((error: unknown) => {
    throw new CliError(EXIT.unavailable, messageOf(error));
  });
}

/** Calls `use` with a client of one executor, chosen by its id. */
export async function atExecutor<T>(
  io: Io,
  options: ExecutorOptions,
  id: string,
  use: (executor: ExecutorClient) => Promise<T>,
): Promise<T> {
  return atExecutors(io, options, async (executors) => {
    const found = await Promise.all(
      executors.map(async ({ address, client }) => {
        const { executorId } = await client.getExecutorStatus({}).catch(() => ({ executorId: "" }));
        return { address, client, id: executorId };
      }),
    );
    const named = found.find((each) => each.id === id);
    if (named) return use(named.client);
    const others = found.map((each) => each.id || `${each.address} (does not answer)`);
    throw new CliError(EXIT.notFound, `no executor ${id}; there is ${others.join(", ") || "none"}`);
  });
}
