import { AGENT_ID, agentIdFault, ROLES, SCOPES } from "@ccsp/identity";
import { type Command, InvalidArgumentError, Option } from "commander";
import { wrapped } from "./words.js";

/** Adds the options that say what a token or an API key allows. */
export function withAccess(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--role <role>",
        "what it allows, as a named set of scopes (default: agent, if there is no --scope)",
      ).choices(Object.keys(ROLES)),
    )
    .option("--scope <scope>", "one more scope, may be repeated", scope);
}

/** The id of an agent to which a token or a key may be given. The gateway accepts no others. */
export function agentId(value: string): string {
  const fault = agentIdFault(value);
  if (fault) throw new InvalidArgumentError(`It ${fault.replaceAll("`", "")}.`);
  return value;
}

/** The id of an agent or of a person. */
export function callerId(value: string): string {
  if (!AGENT_ID.test(value)) throw new InvalidArgumentError("It is not an agent id: 1 to 128 of A-Z a-z 0-9 . _ @ -.");
  return value;
}

function scope(value: string, before: readonly string[] = []): readonly string[] {
  if (!SCOPES.some((known) => known === value)) {
    throw new InvalidArgumentError(`It is none of ${SCOPES.join(", ")}.`);
  }
  return [...before, value];
}

/** Each role with its scopes, in 80 columns. */
export const ROLE_HELP = Object.entries(ROLES)
  .map(([role, scopes]) => `  ${role.padEnd(10)}${wrapped(role === "admin" ? ["everything"] : scopes, 12)}`)
  .join("\n");
