import type { CategoryName, FieldViolation, Reason } from "@ccsp/errors";
import { CallError } from "@ccsp/grpc-kit/client.js";
import type { TaskError } from "./task-error.js";

/** The details that a refusal carries besides its message. A field is empty when the server did not set it. */
export interface ErrorDetails {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldViolation[];
  readonly retryAfterMs?: number | undefined;
  readonly requestIds?: readonly string[];
  readonly mayHaveTakenEffect?: boolean;
  readonly cause?: unknown;
}

/**
 * A call that CCSP refused or could not answer. `reason` is one of a closed list. The subclasses group reasons by what
 * the caller should do.
 */
export class CcspError extends Error {
  override readonly name: string = "CcspError";
  readonly reason: Reason;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean = false;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds after which the same call may succeed. Undefined when the server gave no time. */
  readonly retryAfterMs: number | undefined;
  /**
   * True if a try of the call got no answer, so that the call may have done what it asks for although it failed: a task
   * may be stored. Then submit only with the same request id again. False for calls that change nothing.
   */
  readonly mayHaveTakenEffect: boolean;
  /** The request ids that a submission carried, in the order of its tasks. Also those that the client made up. */
  readonly requestIds: readonly string[];

  constructor(reason: Reason, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.metadata = details.metadata ?? {};
    this.retryAfterMs = details.retryAfterMs;
    this.mayHaveTakenEffect = details.mayHaveTakenEffect ?? false;
    this.requestIds = details.requestIds ?? [];
  }

  /** The request id of a submission of one task. With it, the same task can be submitted again for 24 hours. */
  get requestId(): string | undefined {
    return this.requestIds.length === 1 ? this.requestIds[0] : undefined;
  }

  /** For `JSON.stringify`, which leaves out the message of an Error. */
  toJSON(): object {
    return Object.assign({ message: this.message }, this);
  }
}

/** TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED: get a valid token. */
export class AuthenticationError extends CcspError {
  override readonly name = "AuthenticationError";
}

/** SCOPE_MISSING: the caller is proven, but may not make this call. `metadata.scope` names the missing scope. */
export class PermissionError extends CcspError {
  override readonly name = "PermissionError";
}

/** INVALID_FIELD, ENGINE_UNKNOWN, MESSAGE_TOO_LARGE: correct the request. It stored nothing. */
export class InvalidTaskError extends CcspError {
  override readonly name = "InvalidTaskError";
  /** Each wrong field, by its name in the API, such as `spec.prompt`. */
  readonly fields: readonly FieldViolation[];

  constructor(reason: Reason, message: string, details: ErrorDetails = {}) {
    super(reason, message, details);
    this.fields = details.fields ?? [];
  }
}

/**
 * TASK_NOT_FOUND, CONVERSATION_NOT_FOUND, SCHEDULE_NOT_FOUND: this agent has none with this id or name, or the
 * retention time is over.
 */
export class NotFoundError extends CcspError {
  override readonly name = "NotFoundError";
}

/**
 * REQUEST_ID_CONFLICT: the request id was used with another payload. `metadata.task_id` names the task of that payload.
 */
export class ConflictError extends CcspError {
  override readonly name = "ConflictError";
}

/** TASK_NOT_FAILED: this cannot be done in the current state of the task. Check the state with `get`. */
export class TaskStateError extends CcspError {
  override readonly name = "TaskStateError";
}

/**
 * SUBMIT_STOPPED: an emergency stop is in force. Wait until a person ends it. The message says who called it and why.
 */
export class SubmitStoppedError extends CcspError {
  override readonly name = "SubmitStoppedError";
}

/**
 * BUDGET_EXHAUSTED: a budget is used up. The message names it. Submit again after `retryAfterMs`, when its period has
 * ended; that may be hours or days.
 */
export class BudgetExhaustedError extends CcspError {
  override readonly name = "BudgetExhaustedError";
}

/** QUEUE_FULL: call again after `retryAfterMs`. */
export class QueueFullError extends CcspError {
  override readonly name = "QueueFullError";
  override readonly retryable = true;
}

/**
 * SHUTTING_DOWN, DEPENDENCY_UNAVAILABLE, OVERLOADED, SLOW_READER, CALLER_LIMIT, DEADLINE_EXCEEDED: CCSP gave no answer
 * in the time that the client waits.
 */
export class UnavailableError extends CcspError {
  override readonly name = "UnavailableError";
  override readonly retryable = true;
}

/**
 * The task of an awaited run ended without a result. The call did not fail: the task ran, or it was cancelled or
 * expired.
 */
export class TaskFailedError extends Error {
  override readonly name = "TaskFailedError";
  readonly taskId: string;
  readonly state: "FAILED" | "CANCELLED" | "EXPIRED";
  readonly error: TaskError | undefined;
  /** Category of the error, such as `RATE_LIMIT`. */
  readonly category: CategoryName;

  constructor(taskId: string, state: "FAILED" | "CANCELLED" | "EXPIRED", error: TaskError | undefined) {
    super(`task ${taskId} ended ${state}${error?.message ? `: ${error.message}` : ""}`);
    this.taskId = taskId;
    this.state = state;
    this.error = error;
    this.category = error?.category ?? "UNKNOWN_ERROR";
  }

  /** For `JSON.stringify`, which leaves out the message of an Error. */
  toJSON(): object {
    return Object.assign({ message: this.message }, this);
  }
}

type Class = new (reason: Reason, message: string, details: ErrorDetails) => CcspError;

/** The code does not compile when a reason is missing here. */
const CLASS_OF: Readonly<Record<Reason, Class>> = {
  TOKEN_MISSING: AuthenticationError,
  TOKEN_INVALID: AuthenticationError,
  TOKEN_EXPIRED: AuthenticationError,
  SCOPE_MISSING: PermissionError,
  INVALID_FIELD: InvalidTaskError,
  ENGINE_UNKNOWN: InvalidTaskError,
  MESSAGE_TOO_LARGE: InvalidTaskError,
  TASK_NOT_FOUND: NotFoundError,
  CONVERSATION_NOT_FOUND: NotFoundError,
  SCHEDULE_NOT_FOUND: NotFoundError,
  REQUEST_ID_CONFLICT: ConflictError,
  TASK_NOT_FAILED: TaskStateError,
  SUBMIT_STOPPED: SubmitStoppedError,
  QUEUE_FULL: QueueFullError,
  BUDGET_EXHAUSTED: BudgetExhaustedError,
  SHUTTING_DOWN: UnavailableError,
  DEPENDENCY_UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: UnavailableError,
  OVERLOADED: UnavailableError,
  SLOW_READER: UnavailableError,
  CALLER_LIMIT: UnavailableError,
  TOKEN_REVOKED: AuthenticationError,
  INTERNAL: CcspError,
  CALL_CANCELLED: CcspError,
  // Reasons of calls that no agent makes.
  LEASE_LOST: CcspError,
  SYNC_STALE: CcspError,
  CONFIRMATION_INVALID: CcspError,
  RUN_NOT_FOUND: CcspError,
  CERTIFICATE_REFUSED: CcspError,
  KEY_NOT_FOUND: CcspError,
  EXECUTOR_NOT_FOUND: CcspError,
  BUDGET_NOT_FOUND: CcspError,
  ALERT_RULE_NOT_FOUND: CcspError,
  SILENCE_NOT_FOUND: CcspError,
  SESSION_NOT_FOUND: CcspError,
  ISSUE_NOT_FOUND: CcspError,
  NOTIFICATION_NOT_FOUND: CcspError,
  CHANNEL_NOT_FOUND: CcspError,
  CROSS_SITE_REQUEST: CcspError,
};

/** The error that an agent gets for what a call threw. Errors that are not failed calls are returned unchanged. */
export function toCcspError(error: unknown): unknown {
  if (!(error instanceof CallError)) return error;
  const reason = error.reason ?? "INTERNAL";
  const { metadata, fields, retryAfterMs } = error;
  return errorFor(reason, error.message, { metadata, fields, retryAfterMs, cause: error });
}

/** What an answer of the gateway must have. `what` names it, such as "a task". */
export function answered<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new CcspError("INTERNAL", `the gateway answered without ${what}`);
  return value;
}

/** An error of the class that its reason belongs to. */
export function errorFor(reason: Reason, message: string, details: ErrorDetails): CcspError {
  return new CLASS_OF[reason](reason, message, details);
}
