import type { MessageClient } from "@ccsp/client/messages";
import { type Command, Option } from "commander";
import { type TokenOptions, type TokenSource, tokenSource } from "../auth/caller-token.js";
import { readInputFile } from "../input/read-input.js";
import { addressesOf, type FleetState, findFleet, stateDir } from "../local-fleet/state.js";
import { type Format, type OutputOptions, withOutput } from "../output/format.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { openSchemes } from "./schemes.js";

/** Options that every command accepts that talks to a gateway. */
export interface ConnectionOptions extends OutputOptions, TokenOptions {
  readonly gateway?: string;
  readonly caFile?: string;
}

/** `formats`: what the command can show (see `withOutput`). */
export function withConnection(command: Command, formats?: readonly Format[]): Command {
  return withOutput(command, formats)
    .option("--gateway <target>", "gRPC target of the gateway (CCSP_GATEWAY; default: the local fleet)")
    .addOption(
      new Option(
        "--token-file <path>",
        "file that holds the token or API key; - reads it from standard input (CCSP_TOKEN holds the token itself; default: that of `ccsp login`, or made for $USER with the local fleet's secret)",
      ).conflicts("token"),
    )
    .option("--token <->", "- reads the token from standard input; a token itself is accepted for one more release")
    .option(
      "--ca-file <path>",
      "connect with TLS, and trust the authorities in this PEM file; system: those of this machine (CCSP_CA_FILE)",
    );
}

/** How to reach a gateway, and the proof that every call carries. */
export interface Gateway {
  readonly target: string;
  readonly token: TokenSource;
  /** Undefined: without TLS. Without a file, the authorities of this machine count. */
  readonly tls: { readonly caFile?: string } | undefined;
}

/** Reads from the options how to reach the gateway, and passes it to `use`. Opens no connection. */
export async function withGateway<T>(
  io: Io,
  options: ConnectionOptions,
  use: (gateway: Gateway) => Promise<T>,
): Promise<T> {
  const named = namedGateway(io, options);
  const fleet = named === undefined ? await localFleet(io) : await fleetAt(io, named);
  const target = named ?? fleet?.gateway ?? "";
  const token = await tokenSource(io, options, { named, fleet });
  const tls = await trusted(options.caFile || io.env["CCSP_CA_FILE"] || fleet?.gatewayCaFile);
  const schemes = await openSchemes(io, target);
  try {
    return await use({ target, token, tls });
  } finally {
    await schemes.close();
  }
}

/** The value of `--ca-file` that stands for the authorities of this machine, as in libpq's `sslrootcert`. */
const SYSTEM = "system";

async function trusted(caFile: string | undefined): Promise<Gateway["tls"]> {
  if (!caFile) return undefined;
  if (caFile === SYSTEM) return {};
  const pem = Buffer.from(await readInputFile("--ca-file", caFile)).toString();
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return { caFile };
  // Node ignores what it cannot read, and then trusts nobody.
  throw new CliError(EXIT.usage, `--ca-file ${caFile}: it is not a list of certificates in PEM`);
}

/** Opens a client for agents' calls, passes it to `use`, and closes it. */
export async function connected<T>(
  io: Io,
  options: ConnectionOptions & { readonly patient?: true },
  use: (client: MessageClient) => Promise<T>,
): Promise<T> {
  return withGateway(io, options, (gateway) => asAgent(gateway, use, options));
}

/** The same for a gateway that is known already. */
export async function asAgent<T>(
  gateway: Gateway,
  use: (client: MessageClient) => Promise<T>,
  { patient }: { readonly patient?: true } = {},
): Promise<T> {
  // A stream continues across a restart of the gateway. For a single answer, a person should get an error message
  // sooner.
  const { createMessageClient } = await import("@ccsp/client/messages"); // loads gRPC, so only a command that calls
  const client = createMessageClient({ ...gateway, resumeMs: patient ? 60_000 : 5_000 });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** Address of the gateway that the user names. Undefined means the gateway of the local fleet. */
export function namedGateway({ env }: Io, { gateway }: ConnectionOptions): string | undefined {
  return gateway || env["CCSP_GATEWAY"] || undefined;
}

/** The fleet that runs on this machine. When there is none, throws an error that says how to start one. */
export async function localFleet({ env }: Io): Promise<FleetState> {
  const fleet = await findFleet(stateDir(env));
  if (fleet) return fleet;
  throw new CliError(
    EXIT.unavailable,
    "no fleet runs here: start one with `make up` or `ccsp up`, or name one with --gateway (or CCSP_GATEWAY)",
  );
}

/**
 * The fleet of this user that runs with a gateway at this address, as the file of the fleet writes it. Undefined when
 * another program may have the address. So `localhost` does not count: on `[::1]` another user may listen.
 */
export async function fleetAt({ env }: Io, gateway: string): Promise<FleetState | undefined> {
  if (!/^(127\.0\.0\.1|ipv4):/.test(gateway)) return undefined;
  const fleet = await findFleet(stateDir(env));
  return fleet && [fleet.gateway, ...addressesOf(fleet, "gateway")].includes(gateway) ? fleet : undefined;
}
