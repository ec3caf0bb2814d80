import type { Authenticator } from "@ccsp/authentication";
import { Refusal, visible } from "@ccsp/errors";
import { authorise, type CallerCredentials, type Identity } from "@ccsp/identity";
import { trace } from "@opentelemetry/api";
import { passOn } from "../queue/refusals.js";
import { ACCESS } from "./access.js";
import type { Audit, AuditEntry } from "./audit.js";
import type { IncomingCall, RequestOf, ResponseOf, Rpc } from "./call.js";

/** A call that passed the gateway's check. */
export interface AgentCall {
  readonly identity: Identity;
  /** The subject of the identity: the owner of the tasks. */
  readonly agentId: string;
  readonly incoming: IncomingCall;
  /** Records the task for audit and trace. */
  concerns(taskId: string): void;
  /** Call it when the requested change was made. A later failure does not undo the change. */
  accepted(): void;
}

/** Every call passes it, whatever its transport. */
export interface Guard {
  /**
   * Returns the caller's identity if it is proven and may make this call. Otherwise it refuses, writes the audit line
   * and counts the refusal. Call it before you read anything of the request.
   */
  admit(rpc: Rpc, caller: CallerCredentials): Promise<Identity>;
  /** Wraps an operation: it writes the audit line and translates the refusals of the queue. */
  unary<R extends Rpc>(
    rpc: R,
    handle: (request: RequestOf<R>, call: AgentCall) => Promise<ResponseOf<R>>,
  ): (request: RequestOf<R>, incoming: IncomingCall) => Promise<ResponseOf<R>>;
  /** The same for an operation with many answers. */
  stream<R extends Rpc>(
    rpc: R,
    handle: (request: RequestOf<R>, call: AgentCall) => AsyncIterable<ResponseOf<R>>,
  ): (request: RequestOf<R>, incoming: IncomingCall) => AsyncGenerator<ResponseOf<R>, void>;
}

export interface GuardOptions {
  readonly authenticator: Authenticator;
  readonly audit: Audit;
  /** Called with the reason of each call that is refused by the check. */
  readonly onDenied?: (reason: string) => void;
}

/**
 * Longer than any task id. The id in a request may be megabytes of any text, and it goes to log and trace before the
 * queue checks it.
 */
const MAX_ID_LENGTH = 64;

export function createGuard({ authenticator, audit, onDenied }: GuardOptions): Guard {
  return {
    async admit(rpc, caller) {
      const entry = audit(rpc, caller.address);
      try {
        const identity = await authenticator.authenticate(caller);
        entry.agent(identity.subject);
        return authorise(ACCESS[rpc].scopes, identity);
      } catch (error) {
        if (error instanceof Refusal) onDenied?.(error.reason);
        entry.failed(error);
        throw error;
      }
    },
    unary: (rpc, handle) => async (request, incoming) => {
      const entry = audit(rpc, incoming.peer);
      try {
        return await handle(request, enter(incoming, entry));
      } catch (error) {
        entry.failed(error);
        throw passOn(error);
      }
    },
    stream: (rpc, handle) =>
      async function* (request, incoming) {
        const entry = audit(rpc, incoming.peer);
        try {
          yield* handle(request, enter(incoming, entry));
        } catch (error) {
          entry.failed(error);
          throw passOn(error);
        }
      },
  };
}

function enter(incoming: IncomingCall, entry: AuditEntry): AgentCall {
  const { identity } = incoming;
  const agentId = identity.subject;
  entry.agent(agentId);
  incoming.unread.countFor(agentId);
  trace.getActiveSpan()?.setAttribute("ccsp.agent.id", agentId);
  return {
    identity,
    agentId,
    incoming,
    concerns(taskId) {
      const bounded = visible(taskId.slice(0, MAX_ID_LENGTH));
      entry.task(bounded);
      trace.getActiveSpan()?.setAttribute("ccsp.task.id", bounded);
    },
    accepted: () => entry.accepted(),
  };
}
