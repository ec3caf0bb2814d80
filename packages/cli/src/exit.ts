import {
  AuthenticationError,
  CcspError,
  InvalidTaskError,
  NotFoundError,
  PermissionError,
  QueueFullError,
  UnavailableError,
} from "@ccsp/client";
import type { Reason } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit";

/** What scripts can tell from the exit code. Documented in --help and README.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  notFound: 4,
  unavailable: 5,
  cancelled: 6,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP = `Exit codes:
  0    ok
  1    the task failed, or something unexpected happened
  2    wrong usage, or a request that CCSP refuses as invalid
  3    not authenticated, or not allowed
  4    no such task, schedule or executor
  5    CCSP cannot be reached, or has no room now: try again
  6    the task was cancelled
  130  interrupted`;

/** A failure with a message for people and a code for scripts. */
export class CliError extends Error {
  readonly code: ExitCode;

  constructor(code: ExitCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.code;
  if (error instanceof AuthenticationError || error instanceof PermissionError) return EXIT.denied;
  if (error instanceof NotFoundError) return EXIT.notFound;
  if (error instanceof UnavailableError || error instanceof QueueFullError) return EXIT.unavailable;
  if (error instanceof InvalidTaskError) return EXIT.usage;
  // The only refusal left that the user can correct: a request id that was used for another task.
  if (error instanceof CcspError && error.reason === "REQUEST_ID_CONFLICT") return EXIT.usage;
  if (error instanceof CallError && error.reason) return OPERATOR_EXITS[error.reason] ?? EXIT.failed;
  return EXIT.failed;
}

/** Of calls that go to the queue or an executor, past the gateway. */
const OPERATOR_EXITS: Readonly<Partial<Record<Reason, ExitCode>>> = {
  TASK_NOT_FOUND: EXIT.notFound,
  RUN_NOT_FOUND: EXIT.notFound,
  INVALID_FIELD: EXIT.usage,
  ENGINE_UNKNOWN: EXIT.usage,
  TASK_NOT_FAILED: EXIT.usage,
  CONFIRMATION_INVALID: EXIT.usage,
  SHUTTING_DOWN: EXIT.unavailable,
  DEPENDENCY_UNAVAILABLE: EXIT.unavailable,
  DEADLINE_EXCEEDED: EXIT.unavailable,
};

/** What `--json` shows of an error. */
export function errorJson(error: unknown): object {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof InvalidTaskError) return { reason: error.reason, message, fields: error.fields };
  if (error instanceof CcspError) return { reason: error.reason, message, metadata: error.metadata };
  if (error instanceof CallError) return { reason: error.reason, message };
  return { message };
}
