/** The kind of a failure. The names are those of `ccsp.task.v1.ErrorCategory`. */
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
  | "OUTPUT_LIMIT"
  | "HOOK_FAILED"
  | "MODEL_REFUSED"
  | "ANSWER_CUT_OFF"
  | "ACCESS_DENIED";

/** Who caused the failure. */
export type ErrorSource = "AGENT" | "ENGINE" | "PROVIDER" | "CCSP";

/**
 * How serious the failure is for the installation. `notice`: part of normal work. `warning`: something is wrong, but
 * other runs may succeed. `critical`: no run of this engine will succeed until a person does something.
 */
export type Severity = "notice" | "warning" | "critical";

/** The consequences of a kind of failure. */
export interface FailureTraits {
  /** Whether another attempt may succeed. */
  readonly retryable: boolean;
  readonly source: ErrorSource;
  readonly severity: Severity;
  /** The earliest sensible time for the next try. Undefined: the queue's own back-off is enough. */
  readonly retryAfterMs?: number | undefined;
}

/** Why a run failed. */
export interface RunFailure extends FailureTraits {
  readonly category: ErrorCategory;
  /** For people to read. It has no prompt, output or secret. */
  readonly message: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** The defaults of each category. */
const TRAITS: Readonly<Record<ErrorCategory, FailureTraits>> = {
  UNKNOWN_ERROR: { retryable: true, source: "ENGINE", severity: "warning" },
  SESSION_TIMEOUT: { retryable: false, source: "CCSP", severity: "critical" },
  RATE_LIMIT: { retryable: true, source: "PROVIDER", severity: "notice", retryAfterMs: 5 * SECOND },
  // For a provider that does not say when the window opens.
  USAGE_WINDOW: { retryable: true, source: "PROVIDER", severity: "warning", retryAfterMs: 5 * MINUTE },
  OVERLOADED: { retryable: true, source: "PROVIDER", severity: "warning", retryAfterMs: 5 * SECOND },
  NETWORK_ERROR: { retryable: true, source: "PROVIDER", severity: "warning" },
  INVALID_REQUEST: { retryable: false, source: "AGENT", severity: "notice" },
  CONTEXT_OVERFLOW: { retryable: false, source: "AGENT", severity: "notice" },
  BUDGET_EXCEEDED: { retryable: false, source: "AGENT", severity: "notice" },
  PERMISSION_DENIED: { retryable: false, source: "AGENT", severity: "notice" },
  ENGINE_CRASH: { retryable: true, source: "ENGINE", severity: "warning" },
  ENGINE_HANG: { retryable: true, source: "ENGINE", severity: "warning" },
  TIMEOUT: { retryable: false, source: "AGENT", severity: "notice" },
  OUT_OF_MEMORY: { retryable: false, source: "AGENT", severity: "warning" },
  NO_WORK_DONE: { retryable: true, source: "ENGINE", severity: "warning" },
  CANCELLED: { retryable: false, source: "AGENT", severity: "notice" },
  OUTPUT_LIMIT: { retryable: false, source: "AGENT", severity: "notice" },
  HOOK_FAILED: { retryable: true, source: "CCSP", severity: "warning" },
  MODEL_REFUSED: { retryable: false, source: "AGENT", severity: "notice" },
  ANSWER_CUT_OFF: { retryable: false, source: "AGENT", severity: "notice" },
  ACCESS_DENIED: { retryable: false, source: "AGENT", severity: "warning" },
};

export const isErrorCategory = (word: string): word is ErrorCategory => Object.hasOwn(TRAITS, word);

export const ERROR_CATEGORIES: readonly ErrorCategory[] = Object.keys(TRAITS).filter(isErrorCategory);

/** A failure with the traits of its category, except those that `differs` replaces. */
export function runFailure(category: ErrorCategory, message: string, differs: Partial<FailureTraits> = {}): RunFailure {
  return { category, message, ...TRAITS[category], ...differs };
}
