import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import type { Logger } from "pino";
import { MUTATING, type Rpc } from "../domain/access.js";

/** The audit entry of one call. It is written once, at its outcome; a reading call writes none. */
export interface AuditEntry {
  agent(id: string): void;
  task(id: string): void;
  accepted(): void;
  refused(error: unknown): void;
}

export type Audit = (rpc: Rpc, peer: string) => AuditEntry;

/** Audit lines go to the service's log: who did what to which task with what outcome. Nothing of the request's content. */
export function createAudit(log: Logger): Audit {
  const audit = log.child({ audit: true });
  return (rpc, peer) => {
    const fields: { method: Rpc; peer: string; agent?: string; task?: string } = { method: rpc, peer };
    let open = MUTATING.has(rpc);
    const write = (outcome: object) => {
      if (open) audit.info({ ...fields, ...outcome }, "audit");
      open = false;
    };
    return {
      agent: (id) => void (fields.agent = id),
      task: (id) => void (fields.task = id),
      accepted: () => write({ outcome: "accepted" }),
      refused: (error) => write({ outcome: "refused", reason: reasonOf(error) ?? "INTERNAL" }),
    };
  };
}

function reasonOf(error: unknown): string | undefined {
  return error instanceof Refusal || error instanceof CallError ? error.reason : undefined;
}
