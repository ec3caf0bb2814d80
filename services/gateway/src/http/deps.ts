import type { Logger } from "pino";
import type { createAgentOperations } from "../agents/operations.js";
import type { Guard } from "../application/guard.js";
import type { createOperatorOperations } from "../operators/operations.js";
import type { HttpCalls } from "./http-calls.js";
import type { HttpSettings } from "./settings.js";

/** What the slices of the HTTP server get. */
export interface HttpDeps {
  readonly agents: ReturnType<typeof createAgentOperations>;
  readonly operators: ReturnType<typeof createOperatorOperations>;
  readonly guard: Guard;
  readonly calls: HttpCalls;
  readonly settings: HttpSettings;
  readonly log: Logger;
}
