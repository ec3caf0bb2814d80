import { Refusal } from "@ccsp/errors";
import type { CallContext } from "@ccsp/grpc-kit";
import { asAgent, type Caller, OPERATOR } from "../domain/task/caller.js";

/**
 * Who makes a call. Only the gateway makes calls about an agent's tasks, and it has proved who the agent is. So the
 * request's own `agent_id` says it: an empty one means an operator.
 */
export const callerOf = (_context: Pick<CallContext, "identity">, agentId: string): Caller =>
  agentId === "" ? OPERATOR : asAgent(agentId);

/**
 * The person who makes a change. The gateway has proved it and says it in the request. A person who calls with an
 * operator certificate is the one whom the certificate names, whatever the request says.
 */
export const whoOf = ({ identity }: Pick<CallContext, "identity">, said: string): string =>
  identity?.kind === "operator" ? identity.subject : said;

/** Throws CERTIFICATE_REFUSED for a service that calls in its own name. The gateway calls for a person. */
export function checkPerson({ identity }: Pick<CallContext, "identity">): void {
  if (identity?.kind !== "service" || identity.subject === "gateway") return;
  throw new Refusal("CERTIFICATE_REFUSED", `only a person may do this, and the caller is ${identity.subject}`);
}
