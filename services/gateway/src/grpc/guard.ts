import { Refusal, visible } from "@ccsp/errors";
import type { Admit, CallContext } from "@ccsp/grpc-kit";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { trace } from "@opentelemetry/api";
import type { Authenticator } from "../auth/authenticator.js";
import { authorise, type Rpc, SCOPES } from "../domain/access.js";
import type { Audit, AuditEntry } from "./audit.js";
import { passOn } from "./refusals.js";

/** A call that passed the gateway's check. */
export interface AgentCall {
  readonly identity: Identity;
  /** The subject of the identity: the owner of the tasks. */
  readonly agentId: string;
  readonly context: CallContext;
  /** Records the task for audit and trace. */
  concerns(taskId: string): void;
  /** Call it when the requested change was made. A later failure does not undo the change. */
  accepted(): void;
}

export interface Guard {
  /** The check that runs before the gateway reads anything of a request. */
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
  /** Called with the reason of each call that is refused by the check. */
  readonly onDenied?: (reason: string) => void;
}

/** The key is the full method name. */
const RPC_OF: ReadonlyMap<string, Rpc> = new Map(
  Object.entries(AgentServiceService).flatMap(([name, { path }]) => (isRpc(name) ? [[path, name] as const] : [])),
);

function isRpc(name: string): name is Rpc {
  return Object.hasOwn(SCOPES, name);
}

/**
 * Longer than any task id. The id in a request may be megabytes of any text, and it goes to log and trace before the
 * queue checks it.
 */
const MAX_ID_LENGTH = 64;

/**
 * Creates the gateway's check. It authenticates and authorises a call before the request is read. It also wraps every
 * handler: it writes the audit line and translates the refusals of the queue.
 */
export function createGuard(options: GuardOptions): Guard {
  const { audit } = options;
  return {
    async admit(method, caller) {
      const rpc = RPC_OF.get(method);
      // Health and reflection need no check.
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

/** Returns the caller's identity if it is proven and the call is allowed. */
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
  if (!identity) throw new Error(`${context.method} was not authorised`);
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
