import type { Logger } from "pino";
import type { Sandbox, SandboxStatus } from "../sandbox/sandbox.js";
import { type Broker, createBroker } from "./broker.js";
import type { BrokerMode } from "./config.js";
import type { Observer } from "./observer.js";

export interface OpenBrokerOptions {
  readonly mode: BrokerMode;
  /** Undefined: runs are not confined. */
  readonly sandbox: Pick<Sandbox, "noStandIns"> | undefined;
  readonly status: Pick<SandboxStatus, "reason">;
  readonly observer: Observer;
  readonly log: Logger;
}

/**
 * Undefined: logins are in the runs. Throws if there has to be a broker, and runs have no sandbox of their own or no
 * network of their own: then a run could read the executor's memory, or nothing leads from it to the broker.
 */
export function openBroker({ mode, sandbox, status, observer, log }: OpenBrokerOptions): Broker | undefined {
  if (mode === "off") return undefined;
  const reason = sandbox === undefined ? `runs have no sandbox: ${status.reason}` : sandbox.noStandIns;
  if (reason === undefined) return createBroker({ observer, log });
  if (mode === "required") throw new Error(`CCSP_EXECUTOR_BROKER is required, and there can be none: ${reason}`);
  log.warn({ reason }, "there is no broker: the logins of engines are in their runs");
  return undefined;
}
