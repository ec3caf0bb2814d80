import { X509Certificate } from "node:crypto";
import { folderFor } from "@ccsp/certificates";
import type { Client } from "@ccsp/grpc-kit/client.js";
import { certificateName } from "@ccsp/identity";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { agentOf } from "../auth/create-token.js";
import { addressesOf, findFleet, stateDir } from "../local-fleet/state.js";
import { CliError, EXIT, messageOf } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { type ConnectionOptions, fleetAt, namedGateway } from "./connection.js";
import { openSchemes } from "./schemes.js";

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

/**
 * Where the queue and the operator certificate are. What no option names is that of the local fleet, unless `options`
 * name another gateway: then it would be the wrong installation. Throws an error that says what is missing.
 */
export async function findDirectPath(io: Io, options: DirectOptions & ConnectionOptions): Promise<DirectPath> {
  const target = options.queue || io.env["CCSP_QUEUE_TARGET"];
  const folder = options.operatorCertDir || io.env["CCSP_OPERATOR_TLS_DIR"];
  const local = await localPath(io, options);
  const path = { target: target || local?.target, folder: folder || (target ? undefined : local?.folder) };
  if (path.target && path.folder) return { target: path.target, folder: path.folder };
  const missing = [
    ...(path.target ? [] : ["the queue (--queue, or CCSP_QUEUE_TARGET)"]),
    ...(path.folder ? [] : ["an operator certificate (--operator-cert-dir, or CCSP_OPERATOR_TLS_DIR)"]),
  ];
  throw new CliError(EXIT.usage, `to call the queue directly, name ${missing.join(" and ")}`);
}

async function localPath(io: Io, options: ConnectionOptions): Promise<DirectPath | undefined> {
  const state = stateDir(io.env);
  const named = namedGateway(io, options);
  const fleet = named === undefined ? await findFleet(state) : await fleetAt(io, named);
  if (!fleet) return undefined;
  return {
    target: `static:///${addressesOf(fleet, "queue").join(",")}`,
    folder: folderFor(state.certificatesDir, { kind: "operator", name: agentOf(io.env["USER"] ?? "") }),
  };
}

/**
 * Calls the queue itself over mTLS, as the person whom the operator certificate names. `use` also gets this name.
 */
export async function atQueue<T>(
  io: Io,
  { target, folder }: DirectPath,
  use: (queue: DirectQueue, who: string) => Promise<T>,
): Promise<T> {
  // These load gRPC, so only a command that calls.
  const [kit, protos] = await Promise.all([
    import("@ccsp/grpc-kit/client.js"),
    import("@ccsp/protos/ccsp/queue/v1/queue_service.js"),
  ]);
  const { channel, who } = readOperator(folder, kit);
  const schemes = await openSchemes(io, target);
  const client = kit.createClient(protos.QueueServiceService, target, { timeoutMs: ANSWER_MS, credentials: channel });
  try {
    return await use(client, who);
  } finally {
    client.close();
    await schemes.close();
  }
}

const ANSWER_MS = 5_000;

function readOperator(
  folder: string,
  { channelTls, readTlsFolder }: Pick<typeof import("@ccsp/grpc-kit/client.js"), "channelTls" | "readTlsFolder">,
) {
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
