import { Refusal, visible } from "@ccsp/errors";
import type { CallContext } from "@ccsp/grpc-kit";
import { trace } from "@opentelemetry/api";
import type { Authenticator } from "../auth/authenticator.js";
import { authorise, type Rpc } from "../domain/access.js";
import type { Identity } from "../domain/identity.js";
import type { Audit, AuditEntry } from "./audit.js";
import { passOn } from "./refusals.js";

/** A call that was let in. */
export interface AgentCall extends Identity {
  readonly context: CallContext;
  /** Remembers the task for audit and trace. */
  concerns(taskId: string): void;
  /** The change that the call asked for is made; what fails later does not undo it. */
  accepted(): void;
}

export interface Guard {
  unary<Request, Response>(
    rpc: Rpc,
    handle: (request: Request, call: AgentCall) => Promise<Response>,
  ): (request: Request, context: CallContext) => Promise<Response>;
  stream<Request, Response>(
    rpc: Rpc,
    handle: (request: Request, call: AgentCall) => AsyncIterable<Response>,
  ): (request: Request, context: CallContext) => AsyncGenerator<Response, void>;
}

export interface GuardOptions {
  readonly authenticator: Authenticator;
  readonly audit: Audit;
  /** Told the reason of each call that was not let in. */
  readonly onDenied?: (reason: string) => void;
}

/** Longer than any task's id: what an agent asks for may be megabytes of anything, and goes to log and trace before the queue looks at it. */
const MAX_ID_LENGTH = 64;

/** Wraps every handler: authenticate, authorise, audit, and translate what the queue refuses. */
export function createGuard({ authenticator, audit, onDenied }: GuardOptions): Guard {
  async function admit(rpc: Rpc, context: CallContext, entry: AuditEntry): Promise<AgentCall> {
    try {
      const identity = await authenticator.authenticate(authorizationOf(context));
      entry.agent(identity.agentId);
      context.unread.countFor(identity.agentId);
      trace.getActiveSpan()?.setAttribute("ccsp.agent.id", identity.agentId);
      authorise(rpc, identity);
      return {
        ...identity,
        context,
        concerns(taskId) {
          const bounded = visible(taskId.slice(0, MAX_ID_LENGTH));
          entry.task(bounded);
          trace.getActiveSpan()?.setAttribute("ccsp.task.id", bounded);
        },
        accepted: () => entry.accepted(),
      };
    } catch (error) {
      if (error instanceof Refusal) onDenied?.(error.reason);
      throw error;
    }
  }

  return {
    unary: (rpc, handle) => async (request, context) => {
      const entry = audit(rpc, context.peer);
      try {
        return await handle(request, await admit(rpc, context, entry));
      } catch (error) {
        entry.failed(error);
        throw passOn(error);
      }
    },
    stream: (rpc, handle) =>
      async function* (request, context) {
        const entry = audit(rpc, context.peer);
        try {
          yield* handle(request, await admit(rpc, context, entry));
        } catch (error) {
          entry.failed(error);
          throw passOn(error);
        }
      },
  };
}

function authorizationOf({ headers }: CallContext): string | undefined {
  return headers.get("authorization")[0]?.toString();
}
