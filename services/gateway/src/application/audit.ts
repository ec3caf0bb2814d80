import { accessOf } from "@ccsp/protos/access.js";
import type { Logger } from "pino";
import { isRefusal, reasonOf } from "../upstream/refusals.js";

/**
 * The audit entry of one call. It is written once, when the outcome is known. A call that only reads writes none,
 * unless `needed` was called.
 *
 * - `accepted`: the change was made.
 * - `refused`: the change was not made, because of `reason`.
 * - `unknown`: the call to a service failed before its answer. If the change was made anyway, the caller's repeated call
 *   shows it.
 */
export interface AuditEntry {
  caller(subject: string): void;
  task(id: string): void;
  /** The API key that the call makes or changes, and the agent whose key or tokens they are. */
  credential(of: { readonly key?: string; readonly subject?: string }): void;
  /** This call leaves a line although its RPC declares none. */
  needed(): void;
  accepted(): void;
  /** Takes the error of the handler, before the error is translated for the caller. */
  failed(error: unknown): void;
}

/** `path` is the name of the RPC in a call. */
export type Audit = (path: string, peer: string) => AuditEntry;

/** The most lines of callers who have not proven anything, and the time for which they count. */
const STRANGERS = { lines: 200, windowMs: 10_000 };

/**
 * Creates an audit log. Audit lines go to the log of the service: who did what to which task, and the outcome. They
 * contain nothing of the request's content. Whether an RPC leaves lines is declared beside it. Callers who have not
 * proven anything get a bounded number of lines, because they could fill the disk. `now` is for tests.
 */
export function createAudit(log: Logger, now: () => number = Date.now): Audit {
  // The line has only the fields below. A search in them for fields to hide would cost ten times as much as the line
  // itself.
  const audit = log.child({ audit: true }, { redact: [] });
  let strangers = { lines: 0, untilMs: 0 };
  /** Whether one more line of a caller who has not proven anything may be written. */
  const hasRoom = (): boolean => {
    const nowMs = now();
    if (nowMs >= strangers.untilMs) {
      const left = strangers.lines - STRANGERS.lines;
      if (left > 0) log.warn({ left }, "audit lines of callers who proved nothing were left out");
      strangers = { lines: 0, untilMs: nowMs + STRANGERS.windowMs };
    }
    strangers.lines += 1;
    return strangers.lines <= STRANGERS.lines;
  };
  return (path, peer) => {
    const fields: { peer: string; agent?: string; who?: string; task?: string; key?: string; subject?: string } = {
      peer,
    };
    let open = accessOf(path)?.audited ?? true;
    const write = (outcome: object) => {
      const proven = fields.agent !== undefined || fields.who !== undefined;
      if (open && (proven || hasRoom())) audit.info({ ...namesOf(path), ...fields, ...outcome }, "audit");
      open = false;
    };
    return {
      caller: (subject) => void (fields[isOfAgents(path) ? "agent" : "who"] = subject),
      task: (id) => void (fields.task = id),
      credential: (of) => void Object.assign(fields, of),
      needed: () => void (open = true),
      accepted: () => write({ outcome: "accepted" }),
      failed: (error) => write({ outcome: isRefusal(error) ? "refused" : "unknown", reason: reasonOf(error) }),
    };
  };
}

const isOfAgents = (path: string): boolean => path.includes(".AgentService/");

/**
 * `/ccsp.gateway.v1.AgentService/GetTask` is the method `getTask` of the API `AgentService`. Each line of a log has a
 * field `service` already: it says which service wrote it.
 */
function namesOf(path: string): { api: string; method: string } {
  const [api = "", method = ""] = path.slice(path.lastIndexOf(".") + 1).split("/");
  return { api, method: `${method.charAt(0).toLowerCase()}${method.slice(1)}` };
}
