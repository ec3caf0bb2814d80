import { readFile } from "node:fs/promises";
import { type CcspClient, createCcspClient } from "@ccsp/client";
import { registerSchemes } from "@ccsp/discovery";
import { type Command, Option } from "commander";
import { pino } from "pino";
import { createToken, SCOPES } from "./create-token.js";
import { CliError, EXIT } from "./exit.js";
import type { Io } from "./io.js";
import { findFleet, findSecret, stateDir } from "./state.js";

/** What every command that talks to a gateway accepts. */
export interface ConnectionOptions {
  readonly gateway?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

export function withConnection(command: Command): Command {
  return command
    .option("--gateway <target>", "gRPC target of the gateway (CCSP_GATEWAY; default: the local fleet)")
    .option("--token <jwt>", "token of the agent (CCSP_TOKEN; default: made for $USER with the local fleet's secret)")
    .addOption(new Option("--token-file <path>", "file that holds the token").conflicts("token"))
    .option("--json", "print JSON");
}

/** Opens a client, lets `use` work with it, and closes it. */
export async function connected<T>(
  io: Io,
  options: ConnectionOptions & { readonly patient?: true },
  use: (client: CcspClient) => Promise<T>,
): Promise<T> {
  const target = await gatewayTarget(io, options);
  const log = pino({ level: "silent" });
  const schemes = registerSchemes({ consulUrl: io.env["CCSP_CONSUL_URL"] || undefined, log });
  // A stream outlasts a restart of the gateway. For one answer a person waits less long before a message is better.
  const resumeMs = options.patient ? 60_000 : 5_000;
  const client = createCcspClient({ target, token: await tokenSource(io, options), resumeMs });
  try {
    return await use(client);
  } finally {
    client.close();
    await schemes.close();
  }
}

async function gatewayTarget({ env }: Io, { gateway }: ConnectionOptions): Promise<string> {
  const given = gateway ?? env["CCSP_GATEWAY"];
  if (given) return given;
  return (await findFleet(stateDir(env)))?.gateway ?? "127.0.0.1:3000";
}

async function tokenSource({ env }: Io, { token, tokenFile }: ConnectionOptions) {
  if (tokenFile !== undefined) return readTokenFile(tokenFile);
  const given = token ?? env["CCSP_TOKEN"];
  if (given) return given;
  const secret = await findSecret(env);
  if (secret === undefined) {
    throw new CliError(
      EXIT.denied,
      "no token: give --token, --token-file or CCSP_TOKEN, or start a local fleet with `ccsp up`",
    );
  }
  const agent = (env["USER"] ?? "").replaceAll(/[^A-Za-z0-9._@-]/g, "_").slice(0, 128) || "local";
  const audience = env["CCSP_JWT_AUDIENCE"] || undefined;
  const issuer = env["CCSP_JWT_ISSUER"] || undefined;
  return () => createToken({ secret, agent, scopes: SCOPES, ttlSeconds: 300, audience, issuer });
}

async function readTokenFile(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new CliError(EXIT.usage, `--token-file: ${error instanceof Error ? error.message : String(error)}`);
  }
}
