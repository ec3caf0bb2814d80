import { Refusal } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import { status } from "@grpc/grpc-js";
import type { Logger } from "pino";
import { MUTATING, type Rpc } from "../domain/access.js";

/**
 * The audit entry of one call. It is written once, at its outcome; a reading call writes none.
 *
 * - `accepted`: the change is made.
 * - `refused`: it is not, for `reason`.
 * - `unknown`: the call to the queue failed in between. Where it was made all the same, the agent's repetition shows it.
 */
export interface AuditEntry {
  agent(id: string): void;
  task(id: string): void;
  accepted(): void;
  /** What the handler threw, before it is put into words for the agent. */
  failed(error: unknown): void;
}

export type Audit = (rpc: Rpc, peer: string) => AuditEntry;

/** Audit lines go to the service's log: who did what to which task with what outcome. Nothing of the request's content. */
export function createAudit(log: Logger): Audit {
  // Its fields are those below: looking through them for what other lines hide would cost ten times the line.
  const audit = log.child({ audit: true }, { redact: [] });
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
      failed: (error) => write({ outcome: decided(error) ? "refused" : "unknown", reason: reasonOf(error) }),
    };
  };
}

function reasonOf(error: unknown): string {
  return (error instanceof Refusal || error instanceof CallError ? error.reason : undefined) ?? "INTERNAL";
}

/** The gateway's own refusals come before the queue is asked; of the queue's, these say nothing about what it did. */
function decided(error: unknown): boolean {
  if (!(error instanceof CallError)) return error instanceof Refusal;
  return !error.unanswered && error.reason !== "INTERNAL" && error.code !== status.UNKNOWN;
}
