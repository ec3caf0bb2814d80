import type { Authenticator } from "@ccsp/authentication";
import { Refusal, visible } from "@ccsp/errors";
import { authorise, type CallerCredentials, type Identity, mayUse } from "@ccsp/identity";
import { type Access, accessOf } from "@ccsp/protos/access.js";
import { trace } from "@opentelemetry/api";
import type { OpenStreams } from "../keys/open-streams.js";
import { passOn } from "../upstream/refusals.js";
import type { Audit, AuditEntry } from "./audit.js";
import type { AdmittedCall, IncomingCall, Rpc } from "./call.js";

/** Every call passes it, whatever its transport and whichever API it belongs to. */
export interface Guard {
  /**
   * Returns the caller's identity if it is proven and may make this call. Otherwise it refuses, writes the audit line
   * and counts the refusal. A refusal by a limit leaves no line. Call it before you read anything of the request.
   * `access` is what the RPC declares.
   */
  admit(path: string, access: Access, caller: CallerCredentials): Promise<Identity>;
  /**
   * The same for a request that means the first of these RPCs that its caller may make. If it may make none of them, it
   * is refused as a call of the last one. `known` is told who calls, also when a limit or a scope then refuses it.
   */
  admitToFirst(
    paths: readonly string[],
    caller: CallerCredentials,
    known?: (identity: Identity) => void,
  ): Promise<{ path: string; identity: Identity }>;
  /**
   * Wraps an operation: it writes the audit line and translates the refusals of the services. The RPC must declare who
   * may call it.
   */
  unary<Request, Response>(
    rpc: Rpc<Request, Response>,
    handle: (request: Request, call: AdmittedCall) => Promise<Response>,
  ): (request: Request, incoming: IncomingCall) => Promise<Response>;
  /** The same for an operation with many answers. With the first answer, it is accepted. */
  stream<Request, Response>(
    rpc: Rpc<Request, Response>,
    handle: (request: Request, call: AdmittedCall) => AsyncIterable<Response>,
  ): (request: Request, incoming: IncomingCall) => AsyncGenerator<Response, void>;
}

export interface GuardOptions {
  readonly authenticator: Authenticator;
  readonly audit: Audit;
  readonly streams: OpenStreams;
  /** Refuses with CALLER_LIMIT if this caller uses too much. */
  readonly limit?: (identity: Identity) => void;
  /** Called with the reason of each call that is refused by the check. */
  readonly onDenied?: (reason: string) => void;
}

/**
 * Longer than any task id. The id in a request may be megabytes of any text, and it goes to log and trace before the
 * queue checks it.
 */
const MAX_ID_LENGTH = 64;

export function createGuard({ authenticator, audit, limit, streams, onDenied }: GuardOptions): Guard {
  // What needs only the address comes before the proof, what needs the identity after it, and the scopes come last.
  async function check(
    path: string,
    caller: CallerCredentials,
    may: (identity: Identity) => Identity,
    known?: (identity: Identity) => void,
  ) {
    const entry = audit(path, caller.address);
    try {
      const identity = await authenticator.authenticate(caller);
      entry.caller(identity.subject);
      try {
        limit?.(identity);
      } finally {
        known?.(identity);
      }
      return may(identity);
    } catch (error) {
      // Limits stop floods, and a line for each call of a flood would fill the disk. They are counted instead.
      if (error instanceof Refusal && error.reason === "CALLER_LIMIT") throw error;
      if (error instanceof Refusal) onDenied?.(error.reason);
      entry.failed(error);
      throw error;
    }
  }

  return {
    admit: (path, { scopes }, caller) => check(path, caller, (identity) => authorise(scopes, identity)),
    async admitToFirst(paths, caller, known) {
      let path = paths.at(-1) ?? "";
      const scopesOf = (each: string): readonly string[] => mustBeDeclared(each).scopes;
      const mayFirst = (found: Identity): Identity => {
        path = paths.find((each) => scopesOf(each).every((scope) => mayUse(found, scope))) ?? path;
        return authorise(scopesOf(path), found);
      };
      const identity = await check(path, caller, mayFirst, known);
      return { path, identity };
    },
    unary({ path }, handle) {
      mustBeDeclared(path);
      return async (request, incoming) => {
        const entry = audit(path, incoming.peer);
        try {
          streams.check(incoming.identity);
          const response = await handle(request, enter(incoming, entry));
          entry.accepted();
          return response;
        } catch (error) {
          entry.failed(error);
          throw passOn(error);
        }
      };
    },
    stream({ path }, handle) {
      mustBeDeclared(path);
      return async function* (request, incoming) {
        const entry = audit(path, incoming.peer);
        let leave = (): void => undefined;
        try {
          leave = streams.add(incoming);
          for await (const response of handle(request, enter(incoming, entry))) {
            entry.accepted();
            yield response;
          }
          entry.accepted();
        } catch (error) {
          entry.failed(error);
          throw passOn(error);
        } finally {
          leave();
        }
      };
    },
  };
}

/** A gateway with an RPC that nobody may call does not start: its rule was forgotten. */
function mustBeDeclared(path: string): Access {
  const access = accessOf(path);
  if (access === undefined) throw new Error(`${path} does not declare who may call it`);
  return access;
}

function enter(incoming: IncomingCall, entry: AuditEntry): AdmittedCall {
  const { identity } = incoming;
  const { subject } = identity;
  entry.caller(subject);
  incoming.unread.countFor(subject);
  trace.getActiveSpan()?.setAttribute("ccsp.agent.id", subject);
  return {
    identity,
    subject,
    incoming,
    concerns(taskId) {
      const bounded = visible(taskId.slice(0, MAX_ID_LENGTH));
      entry.task(bounded);
      trace.getActiveSpan()?.setAttribute("ccsp.task.id", bounded);
    },
    concernsCredential: (of) => entry.credential(of),
    showsContent: () => entry.needed(),
  };
}
