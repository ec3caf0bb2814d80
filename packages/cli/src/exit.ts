import { CcspError, InvalidTaskError } from "@ccsp/client";
import type { Reason } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";
import type { EndSignal } from "./io.js";

/** The exit codes, which scripts can read. --help and README.md document it. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  notFound: 4,
  unavailable: 5,
  cancelled: 6,
  hungUp: 129,
  interrupted: 130,
  unread: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0    ok
  1    the task failed, an emergency stop is in force, or something unexpected happened
  2    wrong usage, or a request that CCSP refuses as invalid
  3    not authenticated, or not allowed
  4    no such task, schedule or executor
  5    CCSP cannot be reached, or is full or overloaded: try again
  6    the task was cancelled
  129  the terminal was closed
  130  interrupted with Ctrl-C
  141  the reader of the output has gone, such as head
  143  ended by SIGTERM`;

/** The exit code of a command that a signal ended: 128 and the number of the signal, as shells count. */
export const EXIT_OF_SIGNAL: Readonly<Record<EndSignal, ExitCode>> = {
  SIGHUP: EXIT.hungUp,
  SIGINT: EXIT.interrupted,
  SIGTERM: EXIT.terminated,
};

/** A failure with a message for people and an exit code for scripts. */
export class CliError extends Error {
  readonly code: ExitCode;
  /** The lines to show. The message is always one line; only `details` add more lines. */
  readonly lines: readonly string[];

  constructor(code: ExitCode, message: string, details: readonly string[] = []) {
    super([message, ...details].join("\n"));
    this.code = code;
    this.lines = [message, ...details];
  }
}

/** A signal ended the command. There is nothing to say: the person knows. */
export class Interrupted extends CliError {
  constructor(signal: EndSignal) {
    super(EXIT_OF_SIGNAL[signal], "");
  }
}

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
  QUEUE_FULL: EXIT.unavailable,
  OVERLOADED: EXIT.unavailable,
  SHUTTING_DOWN: EXIT.unavailable,
  DEPENDENCY_UNAVAILABLE: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
  SLOW_READER: EXIT.unavailable,
  CALLER_LIMIT: EXIT.unavailable,
  // A retry does not help while an emergency stop is in force.
  SUBMIT_STOPPED: EXIT.failed,
  CALL_CANCELLED: EXIT.failed,
  INTERNAL: EXIT.failed,
  // Reasons of executors' calls.
  LEASE_LOST: EXIT.failed,
  SYNC_STALE: EXIT.failed,
};

/** The form in which `--json` shows an error. */
export function errorJson(error: unknown): object {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InvalidTaskError) return { reason: error.reason, message, fields: error.fields };
  if (error instanceof CcspError) return { reason: error.reason, message, metadata: error.metadata };
  if (error instanceof CallError) return { reason: error.reason, message };
  return { message };
}
