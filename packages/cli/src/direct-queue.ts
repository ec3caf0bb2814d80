import { X509Certificate } from "node:crypto";
import { folderFor } from "@ccsp/certificates";
import { type Client, channelTls, createClient, readTlsFolder } from "@ccsp/grpc-kit/client.js";
import { certificateName } from "@ccsp/identity";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { agentOf } from "./create-token.js";
import { CliError, EXIT, messageOf } from "./exit.js";
import type { Io } from "./io.js";
import { openSchemes } from "./schemes.js";
import { findFleet, stateDir } from "./state.js";

/** How to reach the queue without a gateway. */
export interface DirectOptions {
  readonly queue?: string;
  readonly operatorCertDir?: string;
}

/** The two calls that the queue takes from a person with an operator certificate. */
export type DirectQueue = Pick<Client<QueueServiceService>, "emergencyStop" | "getStatus">;

export interface DirectPath {
  readonly target: string;
  /** Folder of the operator certificate. */
  readonly folder: string;
}

/** The queue's address and the operator certificate. Each is undefined if nothing says where it is. */
export async function findDirectPath(
  { env }: Io,
  { queue, operatorCertDir }: DirectOptions,
): Promise<{ [K in keyof DirectPath]: DirectPath[K] | undefined }> {
  const state = stateDir(env);
  const fleet = await findFleet(state);
  const named = queue || env["CCSP_QUEUE_TARGET"];
  const addresses = (fleet?.services ?? [])
    .filter(({ name }) => name === "queue")
    .map(({ ports }) => `127.0.0.1:${ports.grpc}`);
  const local = addresses.length > 0 ? `static:///${addresses.join(",")}` : undefined;
  const own = named
    ? undefined
    : folderFor(state.certificatesDir, { kind: "operator", name: agentOf(env["USER"] ?? "") });
  const folder = operatorCertDir || env["CCSP_OPERATOR_TLS_DIR"] || own;
  return { target: named || local, folder };
}

/** What is missing of a path, as an error that says how to give it. */
export function pathOf({ target, folder }: Awaited<ReturnType<typeof findDirectPath>>): DirectPath {
  const missing = [
    ...(target ? [] : ["name the queue with --queue (CCSP_QUEUE_TARGET)"]),
    ...(folder ? [] : ["name the folder of an operator certificate with --operator-cert-dir (CCSP_OPERATOR_TLS_DIR)"]),
  ];
  if (target && folder) return { target, folder };
  throw new CliError(EXIT.usage, `the queue cannot be called directly: ${missing.join("; ")}`);
}

/**
 * Calls the queue itself over mTLS, as the person whom the operator certificate names. `use` also gets this name.
 */
export async function atQueue<T>(
  io: Io,
  { target, folder }: DirectPath,
  use: (queue: DirectQueue, who: string) => Promise<T>,
): Promise<T> {
  const { channel, who } = readOperator(folder);
  const schemes = await openSchemes(io, target);
  const client = createClient(QueueServiceService, target, { timeoutMs: ANSWER_MS, credentials: channel });
  try {
    return await use(client, who);
  } finally {
    client.close();
    await schemes.close();
  }
}

const ANSWER_MS = 5_000;

function readOperator(folder: string) {
  try {
    const { certificate } = readTlsFolder(folder);
    const { subjectAltName: subjectaltname = "" } = new X509Certificate(certificate ?? "");
    const name = certificateName({ subjectaltname });
    if (name?.kind !== "operator") throw new Error("its certificate names no operator (spiffe://ccsp/operator/NAME)");
    return { channel: channelTls(() => readTlsFolder(folder), { service: "queue" }), who: name.name };
  } catch (error) {
    throw new CliError(EXIT.usage, `the operator certificate in ${folder} cannot be used: ${messageOf(error)}`);
  }
}
