/** What kind of failure; the words of `ccsp.task.v1.ErrorCategory`. */
export type ErrorCategory =
  | "UNKNOWN_ERROR"
  | "SESSION_TIMEOUT"
  | "RATE_LIMIT"
  | "USAGE_WINDOW"
  | "OVERLOADED"
  | "NETWORK_ERROR"
  | "INVALID_REQUEST"
  | "CONTEXT_OVERFLOW"
  | "BUDGET_EXCEEDED"
  | "PERMISSION_DENIED"
  | "ENGINE_CRASH"
  | "ENGINE_HANG"
  | "TIMEOUT"
  | "OUT_OF_MEMORY"
  | "NO_WORK_DONE"
  | "CANCELLED"
  | "OUTPUT_LIMIT";

/** Whose fault it is. */
export type ErrorSource = "AGENT" | "ENGINE" | "PROVIDER" | "CCSP";

/** Why a run failed. */
export interface RunFailure {
  readonly category: ErrorCategory;
  /** For people: no prompt, output or secret. */
  readonly message: string;
  /** Whether another attempt may succeed. */
  readonly retryable: boolean;
  readonly source: ErrorSource;
  /** The earliest sensible next try, when the engine said one. */
  readonly retryAfterMs?: number | undefined;
}
