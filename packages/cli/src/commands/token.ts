import { ROLES } from "@ccsp/identity";
import { Command, Option } from "commander";
import { type AccessOptions, accessOf, callerId, ROLE_HELP, withAccess } from "../auth/access-options.js";
import { claimsFor, createToken } from "../auth/create-token.js";
import { type ConnectionOptions, withConnection } from "../connection/connection.js";
import { atGateway } from "../connection/operator.js";
import { readBytes, readInputFile, textOf } from "../input/read-input.js";
import { findSecret, secretPath } from "../local-fleet/local-secret.js";
import { durationMs, secondsOrMore } from "../options/option-values.js";
import { NAMELESS, type OutputOptions, withOutput } from "../output/format.js";
import { showOne } from "../output/show.js";
import { CliError, EXIT } from "../process/exit.js";
import type { Io } from "../process/io.js";

interface CreateOptions extends OutputOptions, AccessOptions {
  readonly ttl: number;
  readonly secretFile?: string;
  readonly audience?: string;
  readonly issuer?: string;
}

export function tokenCommand(io: Io): Command {
  const create = withAccess(withOutput(new Command("create"), NAMELESS))
    .description("sign a token for an agent or a person with the gateway's HS256 secret")
    .addOption(
      new Option("--ttl <time>", "how long it is valid, such as 30m, 12h or 7d")
        .argParser(secondsOrMore)
        .default(durationMs("1h"), "1h"),
    )
    .option("--secret-file <path>", "the secret (CCSP_JWT_SECRET, CCSP_JWT_SECRET_FILE; default: the local fleet's)")
    .option("--audience <name>", "audience that the gateway expects (CCSP_JWT_AUDIENCE; default: ccsp)")
    .option("--issuer <name>", "issuer that the gateway expects, if any (CCSP_JWT_ISSUER)")
    .addHelpText(
      "after",
      `
Anyone who has the token can act as the agent until it expires: keep it out of
logs and repositories.

Roles:
${ROLE_HELP}

Examples:
  ccsp token create --agent ci --scope tasks:submit --ttl 12h > ci.token
  ccsp token create --agent ada --role operator --ttl 8h > ada.token
  CCSP_TOKEN=$(ccsp token create --agent alice) ccsp list`,
    )
    .action(async ({ agent, ttl, secretFile, ...given }: CreateOptions) => {
      const { role, scopes: more } = accessOf(given);
      const scopes = [...new Set([...(role ? ROLES[role] : []), ...more])];
      const secret = await readSecret(io, secretFile);
      const claims = claimsFor(io.env);
      const audience = given.audience ?? claims.audience;
      const issuer = given.issuer ?? claims.issuer;
      const ttlSeconds = Math.round(ttl / 1000);
      const token = await createToken({ secret, agent, scopes, ttlSeconds, audience, issuer });
      const expireTime = new Date(Date.now() + ttlSeconds * 1000).toISOString();
      await showOne(io, given, { json: () => ({ token, agent, scopes, expireTime }), lines: () => [token] });
    });
  return new Command("token")
    .description("make tokens for agents and operators, and revoke them")
    .addCommand(create)
    .addCommand(revokeCommand(io));
}

interface RevokeOptions extends ConnectionOptions {
  readonly agent?: string;
}

function revokeCommand(io: Io): Command {
  return withConnection(new Command("revoke"), NAMELESS)
    .description("end a token, or all tokens of an agent or a person that were issued until now")
    .argument("[file]", "file that holds the token; - reads it from standard input")
    .option("--agent <id>", "end all tokens of this agent or person, in place of one", callerId)
    .addHelpText(
      "after",
      `
Within 5 s, every gateway refuses them and their open streams end. API keys
stay: ccsp key revoke ends them.

Examples:
  ccsp token revoke ci.token
  ccsp token revoke --agent alice`,
    )
    .action(async (file: string | undefined, { agent, ...options }: RevokeOptions) => {
      if ((file === undefined) === (agent === undefined)) {
        throw new CliError(EXIT.usage, "give either a file with the token, or --agent");
      }
      const token = file === undefined ? "" : await readToken(io, file);
      const tokens =
        agent === undefined
          ? ({ $case: "token", value: token } as const)
          : ({ $case: "subject", value: agent } as const);
      await atGateway(io, options, (gateway) => gateway.revokeTokens({ tokens }));
      const what = agent === undefined ? "the token is" : `the tokens of ${agent} that were issued until now are`;
      await showOne(io, options, {
        json: () => (agent === undefined ? { revoked: "token" } : { revoked: "tokens", agent }),
        lines: () => [`${what} revoked: calls and open streams end within 5 s`],
      });
    });
}

async function readToken(io: Io, file: string): Promise<string> {
  const bytes = file === "-" ? await readBytes(io.stdin, "standard input") : await readInputFile("the token", file);
  return textOf(bytes, file === "-" ? "standard input" : file).trim();
}

async function readSecret(io: Io, secretFile: string | undefined): Promise<string> {
  const env = secretFile === undefined ? io.env : { CCSP_JWT_SECRET_FILE: secretFile };
  const secret = await findSecret(env);
  if (secret === undefined) {
    throw new CliError(
      EXIT.usage,
      `no secret at ${secretPath(env)}: give --secret-file, or start a local fleet with \`ccsp up\``,
    );
  }
  if (Buffer.byteLength(secret) >= 32) return secret;
  const source = env["CCSP_JWT_SECRET"] ? "in CCSP_JWT_SECRET" : `at ${secretPath(env)}`;
  throw new CliError(EXIT.usage, `the secret ${source} is shorter than the 32 bytes that HS256 needs`);
}
