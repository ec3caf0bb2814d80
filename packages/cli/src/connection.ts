import { text } from "node:stream/consumers";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import type { Env } from "@ccsp/config";
import { SCOPES } from "@ccsp/identity";
import { type Command, Option } from "commander";
import { CliError, EXIT, messageOf } from "./exit.js";
import { type Io, note } from "./io.js";
import { findSecret } from "./local-secret.js";
import { loginToken } from "./login/login-token.js";
import { type Format, type OutputOptions, withOutput } from "./output/format.js";
import { readInputFile } from "./read-input.js";
import { openSchemes } from "./schemes.js";
import { type FleetState, findFleet, stateDir } from "./state.js";

/** Options that every command accepts that talks to a gateway. */
export interface ConnectionOptions extends OutputOptions {
  readonly gateway?: string;
  readonly token?: string;
  readonly tokenFile?: string;
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
  readonly token: string | (() => Promise<string>);
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
  throw new CliError(EXIT.usage, `--ca-file ${caFile}: it is no list of certificates in PEM`);
}

/** Opens a client for agents' calls, passes it to `use`, and closes it. */
export async function connected<T>(
  io: Io,
  options: ConnectionOptions & { readonly patient?: true },
  use: (client: CcspClient) => Promise<T>,
): Promise<T> {
  return withGateway(io, options, (gateway) => asAgent(gateway, use, options));
}

/** The same for a gateway that is known already. */
export async function asAgent<T>(
  gateway: Gateway,
  use: (client: CcspClient) => Promise<T>,
  { patient }: { readonly patient?: true } = {},
): Promise<T> {
  // A stream continues across a restart of the gateway. For a single answer, a person should get an error message
  // sooner.
  const client = createCcspClient({ ...gateway, resumeMs: patient ? 60_000 : 5_000 });
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
 * another program may have the address. So `localhost` is none: on `[::1]` another user may listen.
 */
export async function fleetAt({ env }: Io, gateway: string): Promise<FleetState | undefined> {
  if (!/^(127\.0\.0\.1|ipv4):/.test(gateway)) return undefined;
  const fleet = await findFleet(stateDir(env));
  return fleet && gatewaysOf(fleet).includes(gateway) ? fleet : undefined;
}

const gatewaysOf = ({ gateway, services }: FleetState): readonly string[] => [
  gateway,
  ...services.filter(({ name }) => name === "gateway").map(({ ports }) => `127.0.0.1:${ports.grpc}`),
];

interface Whom {
  /** The gateway that the user names. */
  readonly named: string | undefined;
  /** The local fleet, if the gateway is one of it. */
  readonly fleet: FleetState | undefined;
}

/**
 * The secret of the local fleet signs tokens that allow everything there. So a gateway gets one only while the fleet
 * runs with it, or when a person chose the secret: whoever has the address of a fleet that has ended gets none.
 */
async function tokenSource(io: Io, options: ConnectionOptions, { named, fleet }: Whom): Promise<Gateway["token"]> {
  const { env } = io;
  const given = (await namedToken(io, options)) ?? env["CCSP_TOKEN"];
  if (given) return given;
  const loggedIn = named === undefined ? undefined : await loginToken(env, named);
  if (loggedIn) return loggedIn;
  const secret = fleet !== undefined || namesSecret(env) ? await findSecret(env) : undefined;
  if (secret === undefined) {
    const how = named === undefined ? "start a local fleet with `ccsp up`" : "log in with `ccsp login`";
    const why = named !== undefined && isHere(named) ? `; ${await whyNone(env, named)}` : "";
    throw new CliError(EXIT.denied, `no token: give --token-file or CCSP_TOKEN, or ${how}${why}`);
  }
  const { agentOf, claimsFor, createToken } = await import("./create-token.js"); // only a local fleet needs it
  const agent = agentOf(env["USER"] ?? "");
  return () => createToken({ ...claimsFor(env), secret, agent, scopes: SCOPES, ttlSeconds: 300 });
}

async function whyNone(env: Env, gateway: string): Promise<string> {
  const fleet = await findFleet(stateDir(env));
  if (fleet) return `one is made only for the local fleet's own gateway, ${fleet.gateway}`;
  return `none was made, because no fleet of yours runs at ${gateway}`;
}

const isHere = (gateway: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/.test(gateway);

/** Whether a person chose the secret for the gateway. */
const namesSecret = (env: Env): boolean => Boolean(env["CCSP_JWT_SECRET"] || env["CCSP_JWT_SECRET_FILE"]);

/** Undefined when no option names a token. */
async function namedToken(io: Io, { token, tokenFile, json }: ConnectionOptions): Promise<string | undefined> {
  if (tokenFile === "-" || token === "-") return tokenFrom("standard input", readStdin(io));
  if (tokenFile !== undefined) return tokenFrom(tokenFile, readFileText(tokenFile));
  if (token) {
    const message =
      "a token after --token is visible to every process of this machine, and will be refused in the next release: " +
      "use --token-file, CCSP_TOKEN, or --token - with the token on standard input";
    note(io, json ? JSON.stringify({ warning: { message } }) : `warning: ${message}`);
  }
  return token;
}

async function tokenFrom(where: string, reading: Promise<string>): Promise<string> {
  const token = await reading.catch((error: unknown) => {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.usage, `--token-file: ${messageOf(error)}`);
  });
  if (token.trim() !== "") return token.trim();
  throw new CliError(EXIT.usage, `--token-file: there is no token in ${where}`);
}

const readFileText = async (path: string): Promise<string> =>
  Buffer.from(await readInputFile("--token-file", path)).toString();

async function readStdin({ stdin }: Io): Promise<string> {
  if (stdin.readableEnded) throw new Error("standard input was the prompt already, and cannot hold the token too");
  return text(stdin);
}
