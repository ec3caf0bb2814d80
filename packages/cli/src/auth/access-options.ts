import { AGENT_ID, agentIdFault, ROLES, type Role, SCOPES, type Scope } from "@ccsp/identity";
import { type Command, InvalidArgumentError, Option } from "commander";
import { oneOf } from "../options/option-values.js";
import { wrapped } from "../output/words.js";

/** For whom a new token or API key is, and what it allows. */
export interface AccessOptions {
  readonly agent: string;
  readonly role?: Role;
  readonly scope?: readonly Scope[];
}

export function withAccess(command: Command): Command {
  return command
    .requiredOption("--agent <id>", "the agent's id: 1 to 128 of A-Z a-z 0-9 . _ @ -", agentId)
    .addOption(
      new Option(
        "--role <role>",
        "what it allows, as a named set of scopes (default: agent, if there is no --scope)",
      ).choices(Object.keys(ROLES)),
    )
    .option("--scope <scope>", "one more scope, or several with commas", oneOf(SCOPES));
}

/** What the options allow. If they name nothing, it is the role of agents. */
export function accessOf({ role, scope: scopes = [] }: Omit<AccessOptions, "agent">) {
  return { role: role ?? (scopes.length === 0 ? "agent" : undefined), scopes };
}

/** The id of an agent to which a token or a key may be given. The gateway accepts no others. */
function agentId(value: string): string {
  const fault = agentIdFault(value);
  if (fault) throw new InvalidArgumentError(`It ${fault.replaceAll("`", "")}.`);
  return value;
}

/** The id of an agent or of a person. */
export function callerId(value: string): string {
  if (!AGENT_ID.test(value)) throw new InvalidArgumentError("It is not an agent id: 1 to 128 of A-Z a-z 0-9 . _ @ -.");
  return value;
}

/** Each role with its scopes, in 80 columns. */
export const ROLE_HELP = Object.entries(ROLES)
  .map(([role, scopes]) => `  ${role.padEnd(10)}${wrapped(role === "admin" ? ["everything"] : scopes, 12)}`)
  .join("\n");
