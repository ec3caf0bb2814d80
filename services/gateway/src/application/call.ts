import type { Refusal } from "@ccsp/errors";
import { hasScope, type Identity } from "@ccsp/identity";

/** What the gateway needs of an RPC's generated definition: its name in calls, and the types of its messages. */
export interface Rpc<Request, Response> {
  /** For example `/ccsp.gateway.v1.AgentService/GetTask`. */
  readonly path: string;
  readonly requestDeserialize: (bytes: Buffer) => Request;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** A call that was let in, in the form that every transport has. */
export interface IncomingCall {
  readonly identity: Identity;
  /** Aborts when the caller gives up, and when the call ends for another reason. */
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
  /** Host and port at the other end of the connection. */
  readonly peer: string;
  /** Ends the call early with this refusal, as if the caller had cancelled it. */
  stop(refusal: Refusal): void;
  /** The caller's bound on what it was sent and has not read. */
  readonly unread: {
    /** Counts the bytes of this call for this caller from now on. */
    countFor(caller: string): void;
    /** Waits until the caller may have this many bytes more. */
    reserve(bytes: number): Promise<void>;
    /** Reserves without waiting. Returns false if the bytes do not fit. */
    tryReserve(bytes: number): boolean;
  };
}

/** A call that passed the gateway's check, as an operation sees it. */
export interface AdmittedCall {
  readonly identity: Identity;
  /** The subject of the identity. In AgentService, it is the owner of the tasks. */
  readonly subject: string;
  readonly incoming: IncomingCall;
  /** Records the task for audit and trace. */
  concerns(taskId: string): void;
  /** Records the API key, or the agent whose key or tokens they are, for audit. */
  concernsCredential(of: { readonly key?: string; readonly subject?: string }): void;
  /** Makes this call leave an audit line, although its RPC leaves none: it shows the content of another's task. */
  showsContent(): void;
}

/** Whether this caller may see the content of others' tasks. */
export const mayReadPrompts = ({ scopes }: Identity): boolean => hasScope(scopes, "prompts:read");

/**
 * Passes the caller's deadline and cancellation on to a service, but not the caller's headers. `ownMs` is the time for a
 * caller without a deadline, in place of the client's usual one.
 */
export function within({ incoming: { signal, deadline } }: AdmittedCall, ownMs?: number) {
  return { signal, deadline: deadline ?? (ownMs === undefined ? undefined : new Date(Date.now() + ownMs)) };
}
