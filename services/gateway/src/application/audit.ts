import type { Logger } from "pino";
import { isRefusal, reasonOf } from "../queue/refusals.js";
import { ACCESS } from "./access.js";
import type { Rpc } from "./call.js";

/**
 * The audit entry of one call. It is written once, when the outcome is known. A call that only reads writes none.
 *
 * - `accepted`: the change was made.
 * - `refused`: the change was not made, because of `reason`.
 * - `unknown`: the call to the queue failed before its answer. If the change was made anyway, the agent's repeated call
 *   shows it.
 */
export interface AuditEntry {
  agent(id: string): void;
  task(id: string): void;
  accepted(): void;
  /** Takes the error of the handler, before the error is translated for the agent. */
  failed(error: unknown): void;
}

export type Audit = (rpc: Rpc, peer: string) => AuditEntry;

/**
 * Creates an audit log. Audit lines go to the log of the service: who did what to which task, and the outcome. They
 * contain nothing of the request's content.
 */
export function createAudit(log: Logger): Audit {
  // The line has only the fields below. A search in them for fields to hide would cost ten times as much as the line
  // itself.
  const audit = log.child({ audit: true }, { redact: [] });
  return (rpc, peer) => {
    const fields: { method: Rpc; peer: string; agent?: string; task?: string } = { method: rpc, peer };
    let open = ACCESS[rpc].audited;
    const write = (outcome: object) => {
      if (open) audit.info({ ...fields, ...outcome }, "audit");
      open = false;
    };
    return {
      agent: (id) => void (fields.agent = id),
      task: (id) => void (fields.task = id),
      accepted: () => write({ outcome: "accepted" }),
      failed: (error) => write({ outcome: isRefusal(error) ? "refused" : "unknown", reason: reasonOf(error) }),
    };
  };
}
