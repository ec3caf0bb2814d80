import { text } from "node:stream/consumers";
import { type Env, isLoopback, parseHostPort } from "@ccsp/config";
import { SCOPES } from "@ccsp/identity";
import { readInputFile } from "../input/read-input.js";
import { findSecret } from "../local-fleet/local-secret.js";
import { type FleetState, findFleet, stateDir } from "../local-fleet/state.js";
import { CliError, EXIT, messageOf } from "../process/exit.js";
import { type Io, note } from "../process/io.js";
import { loginToken } from "./login-token.js";

/** Options that say whose token a command sends. */
export interface TokenOptions {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly json?: true;
  /** How long a token lives that is made for the local fleet. Default: 300. */
  readonly tokenSeconds?: number;
}

/** A token, or what gives one that is still valid. */
export type TokenSource = string | (() => Promise<string>);

/** The gateway that a token is for. */
interface Whom {
  /** The gateway that the user names. */
  readonly named: string | undefined;
  /** The local fleet, if the gateway is one of it. */
  readonly fleet: FleetState | undefined;
}

/**
 * The secret of the local fleet signs tokens that allow everything there. So a gateway gets one only while the fleet
 * runs with it, or when a person chose the secret: a program that has the address of a fleet that has ended gets none.
 */
export async function tokenSource(io: Io, options: TokenOptions, { named, fleet }: Whom): Promise<TokenSource> {
  const { env } = io;
  const given = (await namedToken(io, options)) ?? env["CCSP_TOKEN"]?.trim();
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
  const { tokenSeconds: ttlSeconds = 300 } = options;
  return () => createToken({ ...claimsFor(env), secret, agent, scopes: SCOPES, ttlSeconds });
}

async function whyNone(env: Env, gateway: string): Promise<string> {
  const fleet = await findFleet(stateDir(env));
  if (fleet) return `one is made only for the local fleet's own gateway, ${fleet.gateway}`;
  return `none was made, because no fleet of yours runs at ${gateway}`;
}

const isHere = (gateway: string): boolean => isLoopback(parseHostPort(gateway, { defaultPort: 443 })?.host ?? "");

/** Whether a person chose the secret for the gateway. */
const namesSecret = (env: Env): boolean => Boolean(env["CCSP_JWT_SECRET"] || env["CCSP_JWT_SECRET_FILE"]);

/** Undefined when no option names a token. */
async function namedToken(io: Io, { token, tokenFile, json }: TokenOptions): Promise<string | undefined> {
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
