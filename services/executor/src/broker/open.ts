import type { Sandbox, SandboxStatus } from "../sandbox/sandbox.js";
import { type Broker, type BrokerOptions, createBroker } from "./broker.js";
import type { BrokerMode } from "./config.js";

export interface OpenBrokerOptions extends BrokerOptions {
  readonly mode: BrokerMode;
  /** Undefined: runs are not confined. */
  readonly sandbox: Pick<Sandbox, "noStandIns"> | undefined;
  readonly status: Pick<SandboxStatus, "reason">;
}

/**
 * Undefined: logins are in the runs. Throws if there has to be a broker, and runs have no sandbox of their own or no
 * network of their own: then a run could read the executor's memory, or nothing leads from it to the broker.
 */
export function openBroker({ mode, sandbox, status, ...options }: OpenBrokerOptions): Broker | undefined {
  if (mode === "off") return undefined;
  const reason = sandbox === undefined ? `runs have no sandbox: ${status.reason}` : sandbox.noStandIns;
  if (reason === undefined) return createBroker(options);
  if (mode === "required") throw new Error(`CCSP_EXECUTOR_BROKER is required, and there can be none: ${reason}`);
  options.log.warn({ reason }, "there is no broker: the logins of engines are in their runs");
  return undefined;
}
