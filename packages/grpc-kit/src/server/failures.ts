import { Refusal } from "@ccsp/errors";
import type { Logger } from "pino";
import { CallError, EFFECT } from "../wire/call-error.js";
import type { CallContext } from "./call-context.js";

/**
 * Returns the refusal that answers a failed call. After an abort, it is the abort's refusal, also if the handler threw
 * another error while it ended. A refusal of a service behind this one keeps its reason. Every other error is a bug: it
 * is logged with its cause, and the caller gets only INTERNAL.
 */
export function refusalFor(error: unknown, context: Pick<CallContext, "signal" | "method">, log: Logger): Refusal {
  if (context.signal.reason instanceof Refusal) return context.signal.reason;
  if (error instanceof Refusal) return error;
  if (error instanceof CallError) {
    const passedOn = passOn(error);
    if (passedOn) return passedOn;
  }
  log.error({ err: error, method: context.method }, "a handler failed");
  return new Refusal("INTERNAL", "internal error", { cause: error });
}

/**
 * The dependency that the service behind this one named, for example Redis. It counts only if that service itself
 * answered DEPENDENCY_UNAVAILABLE.
 */
const named = ({ reason, metadata: { dependency } }: CallError): Record<string, string> =>
  reason === "DEPENDENCY_UNAVAILABLE" && dependency !== undefined ? { dependency } : {};

/** Tells the caller that a try of the call to the service behind got no answer, although the last one was refused. */
const effectOf = (error: CallError): Record<string, string> =>
  error.mayHaveTakenEffect ? { [EFFECT]: "unknown" } : {};

function passOn(error: CallError): Refusal | undefined {
  const { reason, message, metadata, fields, retryAfterMs, quota, preconditions } = error;
  // A deadline or cancel here is not this call's own, because those abort its signal. So a service behind this one was
  // too slow.
  if (error.unanswered)
    return new Refusal("DEPENDENCY_UNAVAILABLE", message, { metadata: named(error), retryAfterMs, cause: error });
  if (reason === undefined || reason === "INTERNAL") return undefined;
  const facts = { ...metadata, ...effectOf(error) };
  return new Refusal(reason, message, { metadata: facts, fields, retryAfterMs, quota, preconditions, cause: error });
}
