import type { FieldViolation, Precondition, Reason } from "@ccsp/errors";
import { type Metadata, status } from "@grpc/grpc-js";
import { decodeDetails, NO_DETAILS, type RefusalDetails } from "./status-details.js";

/**
 * A failed call: every client of this package throws this error. `reason` is the server's own reason. If gRPC itself
 * ended the call (no connection, deadline, cancel, size), `reason` is the one that fits. It is undefined for a status
 * that no CCSP server sends.
 */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: status;
  readonly reason: Reason | undefined;
  /** True if `reason` is the server's own, so that a server of CCSP was reached. */
  readonly answered: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  /** Milliseconds until the same call may succeed. */
  readonly retryAfterMs: number | undefined;
  readonly quota: readonly { readonly subject: string; readonly description: string }[];
  readonly preconditions: readonly Precondition[];
  /** The full name of the RPC, for example `/ccsp.queue.v1.QueueService/Get`. Undefined if the call was not sent. */
  readonly method: string | undefined;
  readonly #sent: boolean;
  readonly #repeated: boolean;

  /**
   * `sent: false`: no try of the call left this process. `repeated`: gRPC itself made the call again after a try that
   * got no answer.
   */
  constructor(
    code: status,
    message: string,
    details: RefusalDetails = NO_DETAILS,
    options: { cause?: unknown; method?: string; sent?: boolean; repeated?: boolean } = {},
  ) {
    super(message, options);
    this.#sent = options.sent ?? true;
    this.#repeated = options.repeated ?? false;
    this.code = code;
    this.method = options.method;
    this.answered = details.reason !== undefined;
    this.reason = details.reason ?? reasonOfOwnStatus(code, message);
    this.metadata = details.metadata;
    this.fields = details.fields;
    this.retryAfterMs = details.retryAfterMs;
    this.quota = details.quota;
    this.preconditions = details.preconditions;
  }

  /**
   * True if the last try of the call has no answer: the client reached no server, or the server did not finish the
   * call. False if a server refused that try, because then it did nothing for it.
   */
  get unanswered(): boolean {
    return NO_ANSWER.has(this.code) && !(this.reason !== undefined && OWN_WORD.has(this.reason));
  }

  /**
   * False if every try of the call, here and at the services behind, was refused or never sent. Otherwise the call may
   * have done what it asks for, and only a call with the same request id is safe.
   */
  get mayHaveTakenEffect(): boolean {
    if (this.#repeated || this.metadata[EFFECT] === "unknown") return true;
    return this.#sent && (this.unanswered || this.code === status.INTERNAL || this.code === status.UNKNOWN);
  }

  /** The same error with more facts. */
  with(more: Readonly<Record<string, string>>): CallError {
    const { code, message, cause, method, fields, retryAfterMs, quota, preconditions } = this;
    const reason = this.answered ? this.reason : undefined;
    const details = { reason, metadata: { ...this.metadata, ...more }, fields, retryAfterMs, quota, preconditions };
    const options = { cause, ...(method !== undefined && { method }), sent: this.#sent, repeated: this.#repeated };
    return new CallError(code, message, details, options);
  }
}

/** The fact of a refusal that an earlier try got no answer: its value is `unknown`. */
export const EFFECT = "effect";

const NO_ANSWER: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);
/** A server sends these reasons with UNAVAILABLE although it runs and answers. */
const OWN_WORD: ReadonlySet<Reason> = new Set<Reason>(["OVERLOADED", "SLOW_READER"]);

interface FailedCall {
  /** `target` and `method` go into the message, because grpc-js's own message does not always name them. */
  readonly target: string;
  readonly method: string;
  /** Whether this side cancelled the call. */
  readonly cancelled: boolean;
}

export function toCallError(error: unknown, call: FailedCall): CallError {
  if (error instanceof CallError) return error;
  if (!isServiceError(error)) {
    const options = { cause: error, method: call.method };
    return new CallError(status.INTERNAL, `${call.method} failed`, NO_DETAILS, options);
  }
  const { code, details, metadata } = error;
  const sent = !neverSent(error) && !/^(No connection established|Name resolution failed)/.test(details);
  const options = { cause: error, method: call.method, sent, repeated: wasRepeated(error) };
  const decoded = decodeDetails(metadata);
  if (decoded.reason !== undefined) return new CallError(code, details, decoded, options);
  if (neverSent(error)) {
    const message = `${call.target} could not be reached before the deadline of ${call.method} (${details})`;
    return new CallError(status.UNAVAILABLE, message, decoded, options);
  }
  const message = inWords(details, call);
  // CANCELLED although this side did not cancel: the server reset the stream, as it does when it cannot wait any
  // longer. For the client this is a lost connection. INTERNAL "Session closed": a server closes the whole session when
  // many calls end at their deadline (nghttp2 accepts 33 resets a second from one client), and grpc-js reports INTERNAL
  // for that.
  const closed = code === status.INTERNAL && details.includes("Session closed with error code");
  const lost = closed || (code === status.CANCELLED && !call.cancelled);
  return new CallError(lost ? status.UNAVAILABLE : code, message, decoded, options);
}

/**
 * Whether a call waited for a connection until its deadline. grpc-js lists in `details` how far a call got:
 * "remote_addr=" means that the call was sent.
 */
export function neverSent(error: unknown): boolean {
  if (!isServiceError(error) || error.code !== status.DEADLINE_EXCEEDED) return false;
  return !error.details.includes("remote_addr=") && error.details.includes("after");
}

/** The key under which grpc-js says in a status how many tries of the call came before. */
const EARLIER_TRIES = "grpc-previous-rpc-attempts";

/** Whether grpc-js made the call again after a try without an answer. It hides the status of that try. */
export function wasRepeated(error: unknown): boolean {
  return (
    isServiceError(error) &&
    (error.metadata.get(EARLIER_TRIES).length > 0 || error.details.includes("previous attempts: "))
  );
}

/** Has `wasRepeated` say so of the error of a later call, which stands for the same one. */
export function markRepeated(error: unknown): void {
  if (isServiceError(error)) error.metadata.set(EARLIER_TRIES, "1");
}

/**
 * Turns grpc-js's `details` into a message for people. The original names load balancers and the duration of each step.
 */
function inWords(details: string, { method, target }: FailedCall): string {
  const why = whyNotConnected(details);
  if (why !== undefined) return `${target} could not be reached for ${method}: ${why}`;
  const [, seconds] = /^Deadline exceeded after ([\d.]+)s,/.exec(details) ?? [];
  return `${method} at ${target}: ${seconds === undefined ? details : `no answer within ${seconds} s`}`;
}

/**
 * Why the client could not connect. Undefined if the call failed in another way. A TLS fault is returned without
 * OpenSSL's codes and file names.
 */
export function whyNotConnected(details: string): string | undefined {
  const [, why] = /No connection established\..*Last error: (?:Error: )?(.+?)\.? Resolution note:/s.exec(details) ?? [];
  const [, fault] = /:error:[^:]*:SSL routines:[^:]*:([^:]+):/.exec(why ?? "") ?? [];
  return fault ?? why;
}

function isServiceError(error: unknown): error is Error & { code: status; details: string; metadata: Metadata } {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}

function reasonOfOwnStatus(code: status, message: string): Reason | undefined {
  if (code === status.UNAVAILABLE) return "DEPENDENCY_UNAVAILABLE";
  if (code === status.DEADLINE_EXCEEDED) return "DEADLINE_EXCEEDED";
  if (code === status.CANCELLED) return "CALL_CANCELLED";
  if (code === status.INTERNAL) return "INTERNAL";
  // The texts of grpc-js: "Received message larger than max (…)", "Attempted to send message with a size larger than
  // …".
  if (code === status.RESOURCE_EXHAUSTED && message.includes("larger than")) return "MESSAGE_TOO_LARGE";
  return undefined;
}
