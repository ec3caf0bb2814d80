import { limited } from "@ccsp/errors";
import type { CallerCredentials, Identity } from "@ccsp/identity";
import {
  type Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
} from "@grpc/grpc-js";
import { callerAddress, type MeteredCall } from "../bounds/call-meter.js";
import { callerName } from "../bounds/caller-bounds.js";
import { endServedSpan, inCallSpan } from "../wire/call-span.js";
import { encodeRefusal } from "../wire/status-details.js";
import { credentialsOf, setIdentity } from "./caller-identity.js";
import { refusalFor } from "./failures.js";
import { receivedBytes } from "./handlers.js";
import type { Serving } from "./serve-call.js";

/**
 * Decides from the caller's credentials whether the server accepts the call. It runs before the server reads a byte of
 * the request. Returns the identity of the caller, for the handler's context and for the limits per caller. Undefined
 * means that the caller is known by its address only. Throws a `Refusal` to refuse the call.
 */
export type Admit = (method: string, caller: CallerCredentials) => Promise<Identity | undefined>;

export interface AdmissionOptions {
  readonly admit: Admit | undefined;
  /** The open connections of this peer. */
  readonly connectionsOf: (peer: string) => readonly object[];
}

/**
 * The check that every call passes before the server serves it. A call that waits here holds at most HTTP/2's
 * flow-control window of its body in memory.
 */
export function createAdmission(options: AdmissionOptions, serving: Serving): ServerInterceptor {
  const shared: Shared = { ...options, serving };
  return ({ path }, call) => {
    const checked = new CheckedCall(path, call, shared);
    const responder = new ResponderBuilder()
      .withStart((start) => start(checked.listener()))
      .withSendMessage((message, send) => {
        checked.sends(message);
        send(message);
      })
      .withSendStatus((status, send) => {
        checked.answered();
        send(status);
      })
      .build();
    return new ServerInterceptingCall(call, responder);
  };
}

/** The state that all calls of one server share. */
interface Shared extends AdmissionOptions {
  readonly serving: Serving;
}

/** One call, from its metadata to its end. */
class CheckedCall {
  readonly #method: string;
  readonly #call: ServerInterceptingCallInterface;
  readonly #shared: Shared;
  readonly #began: number;
  readonly #peer: string;
  #over = false;
  #caller: string | undefined;
  #metered: MeteredCall | undefined;
  /** Call it when this call no longer waits for its body. */
  #arrived = (): void => undefined;

  constructor(method: string, call: ServerInterceptingCallInterface, shared: Shared) {
    this.#method = method;
    this.#call = call;
    this.#shared = shared;
    this.#began = performance.now();
    this.#peer = call.getPeer();
  }

  listener(): ServerListener {
    return new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, forward) => {
        this.#letIn(metadata, () => forward(metadata)).catch((error: unknown) => this.#refuse(metadata, error));
      })
      .withOnReceiveMessage((message, forward) => {
        this.#metered?.moved(receivedBytes(message));
        forward(message);
      })
      .withOnReceiveHalfClose((forward) => {
        this.#arrived();
        forward();
      })
      .withOnCancel(() => this.#cancelled())
      .build();
  }

  sends(message: unknown): void {
    if (Buffer.isBuffer(message)) this.#metered?.moved(message.length);
  }

  answered(): void {
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#metered?.ended();
    this.#metered = undefined;
  }

  async #letIn(metadata: Metadata, forward: () => void): Promise<void> {
    const { admit, serving, connectionsOf } = this.#shared;
    const { meter } = serving.callers;
    const address = callerAddress(this.#peer);
    meter?.arrived(address);
    const identity = await admit?.(this.#method, credentialsOf(this.#call, metadata, connectionsOf(this.#peer)));
    if (this.#over) return;
    if (identity) setIdentity(metadata, identity);
    this.#metered = meter?.began(identity, address);
    this.#bound(metadata, identity, forward);
  }

  #bound(metadata: Metadata, identity: Identity | undefined, forward: () => void): void {
    const { callers } = this.#shared.serving;
    const { limits } = callers;
    const name = callerName(identity, this.#peer);
    const state = callers.stateOf(name);
    if (!limits || !state) {
      forward();
      return;
    }
    state.check();
    this.#caller = name;
    let timer: NodeJS.Timeout | undefined;
    const leave = state.begin(() => {
      timer = setTimeout(() => this.#refuse(metadata, tooLate(limits.bodyMs)), limits.bodyMs);
      forward();
    });
    this.#arrived = () => {
      clearTimeout(timer);
      leave();
    };
  }

  #refuse(metadata: Metadata, error: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#arrived();
    const { serving } = this.#shared;
    const method = this.#method;
    const refusal = refusalFor(error, { method, signal: new AbortController().signal }, serving.log);
    const encoded = encodeRefusal(refusal);
    serving.observe(method, encoded.code, (performance.now() - this.#began) / 1e3);
    // Limits stop floods, and a span for each call of a flood would bury the others. They are counted instead.
    if (refusal.reason === "CALLER_LIMIT") serving.refused(refusal.quota[0]?.subject ?? "");
    else if (serving.traced.has(method))
      inCallSpan(method)(metadata, (span) => endServedSpan(span, encoded.code, encoded.details));
    this.#call.sendStatus(encoded);
  }

  /** grpc-js calls this also after the answer was sent. */
  #cancelled(): void {
    this.#arrived();
    const { serving, connectionsOf } = this.#shared;
    const late = Number(this.#call.getDeadline()) <= Date.now();
    // The bounds may have forgotten this caller since the call began, because it was idle. So look it up again.
    if (!this.#over && !late && this.#caller !== undefined)
      serving.callers.stateOf(this.#caller)?.abandon(connectionsOf(this.#peer).length > 0 ? undefined : this.#peer);
    this.#end();
  }
}

const tooLate = (bodyMs: number) =>
  limited("unfinished_requests", `sends a request that takes longer than ${bodyMs} ms`, 0);
