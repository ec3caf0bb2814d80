import { Refusal, visible } from "@ccsp/errors";
import type { Admit, CallContext } from "@ccsp/grpc-kit";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { trace } from "@opentelemetry/api";
import type { Authenticator } from "../auth/authenticator.js";
import { authorise, type Rpc, SCOPES } from "../domain/access.js";
import type { Audit, AuditEntry } from "./audit.js";
import { passOn } from "./refusals.js";

/** A call that was let in. */
export interface AgentCall {
  readonly identity: Identity;
  /** Its subject: whose tasks these are. */
  readonly agentId: string;
  readonly context: CallContext;
  /** Remembers the task for audit and trace. */
  concerns(taskId: string): void;
  /** The change that the call asked for is made; what fails later does not undo it. */
  accepted(): void;
}

export interface Guard {
  /** Before anything of a request is read. */
  readonly admit: Admit;
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

/** Lets calls in before they are read: authenticate and authorise. Then wraps every handler: audit, and translate what the queue refuses. */
export function createGuard(options: GuardOptions): Guard {
  const { audit } = options;
  return {
    async admit(method, caller) {
      const rpc = RPC_OF.get(method);
      // Health and reflection.
      return rpc === undefined ? undefined : letIn(rpc, caller, options);
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

/** Answers who calls when that is proven and allowed. */
async function letIn(
  rpc: Rpc,
  caller: CallerCredentials,
  { authenticator, audit, onDenied }: GuardOptions,
): Promise<Identity> {
  const entry = audit(rpc, caller.address);
  try {
    const identity = await authenticator.authenticate(caller);
    entry.agent(identity.subject);
    authorise(rpc, identity);
    return identity;
  } catch (error) {
    if (error instanceof Refusal) onDenied?.(error.reason);
    entry.failed(error);
    throw error;
  }
}

function enter(context: CallContext, entry: AuditEntry): AgentCall {
  const { identity } = context;
  if (!identity) throw new Error(`${context.method} was not let in`);
  const agentId = identity.subject;
  entry.agent(agentId);
  context.unread.countFor(agentId);
  trace.getActiveSpan()?.setAttribute("ccsp.agent.id", agentId);
  return {
    identity,
    agentId,
    context,
    concerns(taskId) {
      const bounded = visible(taskId.slice(0, MAX_ID_LENGTH));
      entry.task(bounded);
      trace.getActiveSpan()?.setAttribute("ccsp.task.id", bounded);
    },
    accepted: () => entry.accepted(),
  };
}
