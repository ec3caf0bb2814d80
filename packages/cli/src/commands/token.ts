import { AGENT_ID, ROLES, type Role, SCOPES } from "@ccsp/identity";
import { Command, InvalidArgumentError, Option } from "commander";
import { claimsFor, createToken } from "../create-token.js";
import { CliError, EXIT } from "../exit.js";
import type { Io } from "../io.js";
import { findSecret, secretPath } from "../local-secret.js";
import { durationMs } from "../option-values.js";
import { NAMELESS, type OutputOptions, withOutput } from "../output/format.js";
import { showOne } from "../output/show.js";

interface CreateOptions extends OutputOptions {
  readonly agent: string;
  readonly role?: Role;
  readonly scope?: readonly string[];
  readonly ttl: number;
  readonly secretFile?: string;
  readonly audience?: string;
  readonly issuer?: string;
}

export function tokenCommand(io: Io): Command {
  const create = withOutput(new Command("create"), NAMELESS)
    .description("sign a token for an agent or a person with the gateway's HS256 secret")
    .requiredOption("--agent <id>", "the agent's id: 1 to 128 of A-Z a-z 0-9 . _ @ -", agentId)
    .addOption(
      new Option(
        "--role <role>",
        "what it allows, as a named set of scopes (default: agent, if there is no --scope)",
      ).choices(Object.keys(ROLES)),
    )
    .option("--scope <scope>", "one more scope, may be repeated", scope)
    .addOption(
      new Option("--ttl <time>", "how long it is valid, such as 30m, 12h or 7d")
        .argParser(durationMs)
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
    .action(async ({ agent, role, scope: more, ttl, secretFile, ...given }: CreateOptions) => {
      const scopes = scopesOf(role, more);
      const secret = await readSecret(io, secretFile);
      const claims = claimsFor(io.env);
      const audience = given.audience ?? claims.audience;
      const issuer = given.issuer ?? claims.issuer;
      const ttlSeconds = Math.max(1, Math.round(ttl / 1000));
      const token = await createToken({ secret, agent, scopes, ttlSeconds, audience, issuer });
      const expireTime = new Date(Date.now() + ttlSeconds * 1000).toISOString();
      await showOne(io, given, { json: () => ({ token, agent, scopes, expireTime }), lines: () => [token] });
    });
  return new Command("token").description("make tokens for agents and operators").addCommand(create);
}

/** The scopes of a role, and more. */
function scopesOf(role: Role | undefined, more: readonly string[] = []): readonly string[] {
  const named = role ?? (more.length === 0 ? "agent" : undefined);
  return [...new Set([...(named ? ROLES[named] : []), ...more])];
}

/** Each role with its scopes, in 80 columns. */
const ROLE_HELP = Object.entries(ROLES)
  .map(([role, scopes]) => `  ${role.padEnd(10)}${wrapped(role === "admin" ? ["everything"] : scopes)}`)
  .join("\n");

function wrapped(words: readonly string[], width = 66): string {
  const lines = [""];
  for (const word of words) {
    const last = lines.at(-1) ?? "";
    if (last.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines.join(`\n${" ".repeat(12)}`);
}

function agentId(value: string): string {
  if (!AGENT_ID.test(value)) throw new InvalidArgumentError("It is not an agent id: 1 to 128 of A-Z a-z 0-9 . _ @ -.");
  return value;
}

function scope(value: string, before: readonly string[] = []): readonly string[] {
  if (!SCOPES.some((known) => known === value)) {
    throw new InvalidArgumentError(`It is none of ${SCOPES.join(", ")}.`);
  }
  return [...before, value];
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
