import type { Refusal } from "@ccsp/errors";
import type { FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { createAgentOperations } from "../agents/operations.js";
import type { Guard } from "../application/guard.js";
import type { createOperatorOperations } from "../operators/operations.js";
import type { HttpCalls } from "./http-calls.js";
import type { HttpFault } from "./problem.js";
import type { HttpSettings } from "./settings.js";

/** What the slices of the HTTP server get. */
export interface HttpDeps {
  readonly agents: ReturnType<typeof createAgentOperations>;
  readonly operators: ReturnType<typeof createOperatorOperations>;
  readonly guard: Guard;
  readonly calls: HttpCalls;
  readonly settings: HttpSettings;
  readonly log: Logger;
  /** What is wrong with a request, of what its handling threw. A fault of CCSP is logged, and told as INTERNAL. */
  readonly faultOf: (error: unknown, request: FastifyRequest) => Refusal | HttpFault;
}
