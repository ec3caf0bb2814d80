import { text } from "node:stream/consumers";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import { SCOPES } from "@ccsp/identity";
import { type Command, Option } from "commander";
import { CliError, EXIT, messageOf } from "./exit.js";
import { type Io, note } from "./io.js";
import { findSecret } from "./local-secret.js";
import { type Format, type OutputOptions, withOutput } from "./output/format.js";
import { readInputFile } from "./read-input.js";
import { openSchemes } from "./schemes.js";
import { type FleetState, findFleet, stateDir } from "./state.js";

/** Options that every command accepts that talks to a gateway. */
export interface ConnectionOptions extends OutputOptions {
  readonly gateway?: string;
  readonly token?: string;
  readonly tokenFile?: string;
}

/** `formats`: what the command can show (see `withOutput`). */
export function withConnection(command: Command, formats?: readonly Format[]): Command {
  return withOutput(command, formats)
    .option("--gateway <target>", "gRPC target of the gateway (CCSP_GATEWAY; default: the local fleet)")
    .addOption(
      new Option(
        "--token-file <path>",
        "file that holds the token of the agent; - reads it from standard input (CCSP_TOKEN holds the token itself; default: made for $USER with the local fleet's secret)",
      ).conflicts("token"),
    )
    .option("--token <->", "- reads the token from standard input; a token itself is accepted for one more release");
}

/** Opens a client, passes it to `use`, and closes it. */
export async function connected<T>(
  io: Io,
  options: ConnectionOptions & { readonly patient?: true },
  use: (client: CcspClient) => Promise<T>,
): Promise<T> {
  const target = namedGateway(io, options) ?? (await localFleet(io)).gateway;
  const schemes = await openSchemes(io, target);
  // A stream continues across a restart of the gateway. For a single answer, a person should get an error message
  // sooner.
  const resumeMs = options.patient ? 60_000 : 5_000;
  const client = createCcspClient({ target, token: await tokenSource(io, options), resumeMs });
  try {
    return await use(client);
  } finally {
    client.close();
    await schemes.close();
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

async function tokenSource(io: Io, options: ConnectionOptions) {
  const { env } = io;
  const given = (await namedToken(io, options)) ?? env["CCSP_TOKEN"];
  if (given) return given;
  const secret = await findSecret(env);
  if (secret === undefined) {
    throw new CliError(EXIT.denied, "no token: give --token-file or CCSP_TOKEN, or start a local fleet with `ccsp up`");
  }
  const { agentOf, claimsFor, createToken } = await import("./create-token.js"); // only a local fleet needs it
  const agent = agentOf(env["USER"] ?? "");
  return () => createToken({ ...claimsFor(env), secret, agent, scopes: SCOPES, ttlSeconds: 300 });
}

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
