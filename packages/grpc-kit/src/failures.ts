import { Refusal } from "@ccsp/errors";
import type { Logger } from "pino";
import type { CallContext } from "./call-context.js";
import { CallError } from "./call-error.js";

/**
 * The refusal with which a failed call is answered. After an abort it is the abort's, whatever the handler threw on its
 * way out. A refusal of a service behind this one keeps its reason. Everything else is a bug: logged with its cause, and
 * the caller learns nothing but INTERNAL.
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

/** What a service further back named, as Redis: only that its own word was DEPENDENCY_UNAVAILABLE says that it did. */
const named = ({ reason, metadata: { dependency } }: CallError): Record<string, string> =>
  reason === "DEPENDENCY_UNAVAILABLE" && dependency !== undefined ? { dependency } : {};

function passOn(error: CallError): Refusal | undefined {
  const { reason, message, metadata, fields, retryAfterMs, quota, preconditions } = error;
  // A deadline or cancel here is not this call's own (those aborted its signal): a service behind this one was too slow.
  if (error.unanswered)
    return new Refusal("DEPENDENCY_UNAVAILABLE", message, { metadata: named(error), retryAfterMs, cause: error });
  if (reason === undefined || reason === "INTERNAL") return undefined;
  return new Refusal(reason, message, { metadata, fields, retryAfterMs, quota, preconditions, cause: error });
}
