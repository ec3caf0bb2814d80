import type { Identity } from "@ccsp/identity";
import type { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";

/** What the gateway offers, by the names of AgentService, which has them in the form of protos. */
export type Rpc = keyof AgentServiceService;
export type RequestOf<R extends Rpc> = ReturnType<AgentServiceService[R]["requestDeserialize"]>;
export type ResponseOf<R extends Rpc> = ReturnType<AgentServiceService[R]["responseDeserialize"]>;

/** A call that was let in, in the form that every transport has. */
export interface IncomingCall {
  readonly identity: Identity;
  /** Aborts when the caller gives up, and when the call ends for another reason. */
  readonly signal: AbortSignal;
  readonly deadline: Date | undefined;
  /** Host and port at the other end of the connection. */
  readonly peer: string;
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
