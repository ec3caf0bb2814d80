import { Refusal, visible } from "@ccsp/errors";
import type { CallContext, Strangers } from "@ccsp/grpc-kit";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { trace } from "@opentelemetry/api";
import type { Authenticator } from "../auth/authenticator.js";
import { authorise, type Rpc, SCOPES } from "../domain/access.js";
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
  /** Before anything of a request is read. Answers the agent. */
  readonly admit: Strangers["admit"];
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

/** By the full method name. */
const RPC_OF: ReadonlyMap<string, Rpc> = new Map(
  Object.entries(AgentServiceService).flatMap(([name, { path }]) => (isRpc(name) ? [[path, name] as const] : [])),
);

function isRpc(name: string): name is Rpc {
  return Object.hasOwn(SCOPES, name);
}

/** Longer than any task's id: what an agent asks for may be megabytes of anything, and goes to log and trace before the queue looks at it. */
const MAX_ID_LENGTH = 64;

/** Lets calls in by their metadata: authenticate and authorise. Then wraps every handler: audit, and translate what the queue refuses. */
export function createGuard({ authenticator, audit, onDenied }: GuardOptions): Guard {
  // By the metadata that the call has from its admission to its handler.
  const letIn = new WeakMap<CallContext["headers"], Identity>();

  function enter(context: CallContext, entry: AuditEntry): AgentCall {
    const identity = letIn.get(context.headers);
    if (!identity) throw new Error(`${context.method} was not let in`);
    entry.agent(identity.agentId);
    context.unread.countFor(identity.agentId);
    trace.getActiveSpan()?.setAttribute("ccsp.agent.id", identity.agentId);
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
  }

  return {
    async admit({ headers, method, peer }) {
      const rpc = RPC_OF.get(method);
      // Health and reflection.
      if (rpc === undefined) return undefined;
      const entry = audit(rpc, peer);
      try {
        const identity = await authenticator.authenticate(headers.get("authorization")[0]?.toString());
        entry.agent(identity.agentId);
        authorise(rpc, identity);
        letIn.set(headers, identity);
        return identity.agentId;
      } catch (error) {
        if (error instanceof Refusal) onDenied?.(error.reason);
        entry.failed(error);
        throw error;
      }
    },
    unary: (rpc, handle) => async (request, context) => {
      const entry = audit(rpc, context.peer);
      try {
        return await handle(request, enter(context, entry));
      } catch (error) {
        entry.failed(error);
        throw passOn(error);
      }
    },
    stream: (rpc, handle) =>
      async function* (request, context) {
        const entry = audit(rpc, context.peer);
        try {
          yield* handle(request, enter(context, entry));
        } catch (error) {
          entry.failed(error);
          throw passOn(error);
        }
      },
  };
}
