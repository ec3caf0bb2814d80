import type { CallContext } from "@ccsp/grpc-kit";
import { asAgent, type Caller, OPERATOR } from "../domain/task/caller.js";

/**
 * Who makes a call. On this internal port nobody proves an identity, so the request's own `agent_id` says it: an empty
 * one means an operator.
 */
export const callerOf = (_context: Pick<CallContext, "identity">, agentId: string): Caller =>
  agentId === "" ? OPERATOR : asAgent(agentId);
