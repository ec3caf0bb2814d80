import type { FieldViolation, Precondition, Reason } from "@ccsp/errors";
import { type Metadata, status } from "@grpc/grpc-js";
import { decodeDetails, NO_DETAILS, type RefusalDetails } from "./status-details.js";

/**
 * A call that did not succeed: what every client of this package throws. `reason` is the server's own reason, or the one
 * that fits when grpc itself ended the call (no connection, deadline, cancel, size); it is undefined for a status that
 * no CCSP server sends.
 */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: status;
  readonly reason: Reason | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  /** Milliseconds to wait before the same call may succeed. */
  readonly retryAfterMs: number | undefined;
  readonly quota: readonly { readonly subject: string; readonly description: string }[];
  readonly preconditions: readonly Precondition[];

  constructor(code: status, message: string, details: RefusalDetails = NO_DETAILS, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.reason = details.reason ?? reasonOfOwnStatus(code, message);
    this.metadata = details.metadata;
    this.fields = details.fields;
    this.retryAfterMs = details.retryAfterMs;
    this.quota = details.quota;
    this.preconditions = details.preconditions;
  }

  /**
   * Whether nobody knows what became of the call: no server was reached, or the one that was did not get to the end of it. False when
   * a server refused it, after which nothing was done.
   */
  get unanswered(): boolean {
    return NO_ANSWER.has(this.code) && !(this.reason !== undefined && OWN_WORD.has(this.reason));
  }
}

const NO_ANSWER: ReadonlySet<status> = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED]);
/** With which a server leaves as UNAVAILABLE although it is there. */
const OWN_WORD: ReadonlySet<Reason> = new Set<Reason>(["OVERLOADED", "SLOW_READER"]);

interface FailedCall {
  /** These two go into the message where grpc's own does not say whom it could not reach. */
  readonly target: string;
  readonly method: string;
  /** Whether this side cancelled it. */
  readonly cancelled: boolean;
}

export function toCallError(error: unknown, call: FailedCall): CallError {
  if (error instanceof CallError) return error;
  if (!isServiceError(error))
    return new CallError(status.INTERNAL, `${call.method} failed`, NO_DETAILS, { cause: error });
  const { code, details, metadata } = error;
  const decoded = decodeDetails(metadata);
  if (decoded.reason !== undefined) return new CallError(code, details, decoded, { cause: error });
  // grpc-js lists how far a call got. One that waited for a connection until its deadline was never sent.
  if (code === status.DEADLINE_EXCEEDED && !details.includes("remote_addr=") && details.includes("after")) {
    const message = `${call.target} could not be reached before the deadline of ${call.method} (${details})`;
    return new CallError(status.UNAVAILABLE, message, decoded, { cause: error });
  }
  const message = inWords(details, call);
  // Reset by the other side, as a server does that cannot wait any longer: to this one it is a lost connection. A server closes the whole
  // session when many calls ended at their deadline (nghttp2 takes 33 resets a second from one client), and grpc-js calls that INTERNAL.
  const closed = code === status.INTERNAL && details.includes("Session closed with error code");
  const lost = closed || (code === status.CANCELLED && !call.cancelled);
  return new CallError(lost ? status.UNAVAILABLE : code, message, decoded, { cause: error });
}

/** What grpc-js says of a call, for people: its own words name balancers, and how long each step took. */
function inWords(details: string, { method, target }: FailedCall): string {
  const why = whyNotConnected(details);
  if (why !== undefined) return `${target} could not be reached for ${method}: ${why}`;
  const [, seconds] = /^Deadline exceeded after ([\d.]+)s,/.exec(details) ?? [];
  return `${method} at ${target}: ${seconds === undefined ? details : `no answer within ${seconds} s`}`;
}

/** Why no connection came to be; undefined when the call failed in another way. A fault of TLS without OpenSSL's codes and file names. */
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
  // grpc-js: "Received message larger than max (…)", "Attempted to send message with a size larger than …".
  if (code === status.RESOURCE_EXHAUSTED && message.includes("larger than")) return "MESSAGE_TOO_LARGE";
  return undefined;
}
