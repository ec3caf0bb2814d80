import { CcspError, InvalidTaskError } from "@ccsp/client";
import type { Reason } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit/client.js";
import { accessOf } from "@ccsp/protos/access.js";
import { rolesWith } from "../auth/roles.js";
import { CliError, EXIT, type ExitCode, messageOf } from "../process/exit.js";

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.code;
  const refused = error instanceof CcspError || error instanceof CallError;
  return refused && error.reason ? EXIT_OF[error.reason] : EXIT.failed;
}

/**
 * The exit code for each reason, whether the gateway, the queue or an executor refused the call. The code does not
 * compile when a reason is missing.
 */
const EXIT_OF: Readonly<Record<Reason, ExitCode>> = {
  TOKEN_MISSING: EXIT.denied,
  TOKEN_INVALID: EXIT.denied,
  TOKEN_EXPIRED: EXIT.denied,
  SCOPE_MISSING: EXIT.denied,
  TOKEN_REVOKED: EXIT.denied,
  CERTIFICATE_REFUSED: EXIT.denied,
  CROSS_SITE_REQUEST: EXIT.denied,
  INVALID_FIELD: EXIT.usage,
  ENGINE_UNKNOWN: EXIT.usage,
  MESSAGE_TOO_LARGE: EXIT.usage,
  REQUEST_ID_CONFLICT: EXIT.usage,
  TASK_NOT_FAILED: EXIT.usage,
  CONFIRMATION_INVALID: EXIT.usage,
  TASK_NOT_FOUND: EXIT.notFound,
  CONVERSATION_NOT_FOUND: EXIT.notFound,
  SCHEDULE_NOT_FOUND: EXIT.notFound,
  RUN_NOT_FOUND: EXIT.notFound,
  KEY_NOT_FOUND: EXIT.notFound,
  ALERT_RULE_NOT_FOUND: EXIT.notFound,
  SILENCE_NOT_FOUND: EXIT.notFound,
  EXECUTOR_NOT_FOUND: EXIT.notFound,
  BUDGET_NOT_FOUND: EXIT.notFound,
  SESSION_NOT_FOUND: EXIT.notFound,
  ISSUE_NOT_FOUND: EXIT.notFound,
  NOTIFICATION_NOT_FOUND: EXIT.notFound,
  CHANNEL_NOT_FOUND: EXIT.notFound,
  QUEUE_FULL: EXIT.unavailable,
  OVERLOADED: EXIT.unavailable,
  SHUTTING_DOWN: EXIT.unavailable,
  DEPENDENCY_UNAVAILABLE: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
  SLOW_READER: EXIT.unavailable,
  CALLER_LIMIT: EXIT.unavailable,
  // A retry does not help before a person ends the emergency stop.
  SUBMIT_STOPPED: EXIT.stopped,
  // It ends with the period of the budget, which may be a month.
  BUDGET_EXHAUSTED: EXIT.stopped,
  CALL_CANCELLED: EXIT.failed,
  INTERNAL: EXIT.failed,
  // Reasons of executors' calls.
  LEASE_LOST: EXIT.failed,
  SYNC_STALE: EXIT.failed,
};

/**
 * Whether a change of an operator may have taken effect although its call failed. These calls have no request id. The
 * errors of agents' calls say so themselves.
 */
const isUnsureChange = (error: unknown): boolean =>
  error instanceof CallError && error.mayHaveTakenEffect && accessOf(error.method ?? "")?.audited === true;

const OF_THE_TOKEN: ReadonlySet<Reason | undefined> = new Set<Reason>([
  "SCOPE_MISSING",
  "TOKEN_EXPIRED",
  "TOKEN_INVALID",
  "TOKEN_REVOKED",
]);

/**
 * What a person can do about a refusal, beyond what its message says. `fromVariable`: the token was the one of
 * CCSP_TOKEN, which a shell may have for its programs.
 */
export function adviceFor(error: unknown, { fromVariable = false } = {}): readonly string[] {
  if (isUnsureChange(error))
    return ["the call may have taken effect, because a try of it got no answer: look before you repeat it"];
  const refused = error instanceof CcspError || error instanceof CallError;
  if (!refused || !OF_THE_TOKEN.has(error.reason)) return [];
  const which = fromVariable
    ? ["this was the token in CCSP_TOKEN; without it: that of `ccsp login`, or one for your local fleet"]
    : [];
  const scope = error.reason === "SCOPE_MISSING" ? (error.metadata["scope"] ?? "") : "";
  const [least, ...more] = rolesWith(scope);
  if (least === undefined) return which;
  const roles = [least, ...more].join(" or ");
  return [
    ...which,
    `${scope} is in the role ${roles}; for such a token:`,
    `  ccsp token create --agent NAME --role ${least}`,
  ];
}

/** The form in which `--json` shows an error. */
export function errorJson(error: unknown): object {
  const message = messageOf(error);
  if (error instanceof CallError) {
    const unsure = isUnsureChange(error) ? { mayHaveTakenEffect: true } : {};
    return { reason: error.reason, message, metadata: error.metadata, ...unsure };
  }
  if (error instanceof CcspError) {
    const { reason, metadata, requestId, mayHaveTakenEffect } = error;
    const facts = error instanceof InvalidTaskError ? { fields: error.fields } : { metadata };
    return { reason, message, ...facts, ...(requestId !== undefined && { requestId }), mayHaveTakenEffect };
  }
  return { message };
}
