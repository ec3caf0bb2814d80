import { ErrorCategory, type ErrorSource } from "@ccsp/protos/ccsp/task/v1/task.js";

/** Category of a failure, such as `RATE_LIMIT`: a name of `ErrorCategory` without its prefix. */
export type CategoryName = Exclude<keyof typeof ErrorCategory, "UNSPECIFIED" | "UNRECOGNIZED">;

/** Side that caused a failure: a name of `ErrorSource` without its prefix. `UNSPECIFIED` means not known. */
export type SourceName = Exclude<keyof typeof ErrorSource, "UNRECOGNIZED">;

const BY_NAME: ReadonlySet<string> = new Set(
  Object.keys(ErrorCategory).filter((name) => /^[A-Z]/.test(name) && !/^UN(?:SPECIFIED|RECOGNIZED)$/.test(name)),
);

export const isCategoryName = (word: string): word is CategoryName => BY_NAME.has(word);

export const CATEGORY_NAMES: readonly CategoryName[] = [...BY_NAME].filter(isCategoryName);

const TEXTS: Readonly<Record<CategoryName, string>> = {
  UNKNOWN_ERROR: "the failure matches no known kind",
  SESSION_TIMEOUT: "the engine's login has ended",
  RATE_LIMIT: "the provider limits bursts of requests",
  USAGE_WINDOW: "the usage window is closed",
  OVERLOADED: "the provider is overloaded",
  NETWORK_ERROR: "the provider could not be reached",
  INVALID_REQUEST: "the engine or the provider refused the request",
  CONTEXT_OVERFLOW: "the conversation does not fit into the context of the model",
  BUDGET_EXCEEDED: "the run has spent its budget",
  PERMISSION_DENIED: "the engine did not have a permission that it needed",
  ENGINE_CRASH: "the engine process died",
  ENGINE_HANG: "the engine wrote nothing for too long",
  TIMEOUT: "it took longer than allowed",
  OUT_OF_MEMORY: "the engine used too much memory",
  NO_WORK_DONE: "the engine reported success but brought no result",
  CANCELLED: "it was cancelled",
  EXECUTOR_LOST: "the executor vanished while it held the task",
  OUTPUT_LIMIT: "the output was larger than allowed",
  ACCESS_DENIED: "the provider refuses the login this access",
  ANSWER_CUT_OFF: "the answer was cut off",
  HOOK_FAILED: "a hook failed",
  MODEL_REFUSED: "the model refused to answer",
};

/** What a category means, in fixed words. For places that must not show the message, which may quote an engine. */
export const categoryText = (category: CategoryName): string => TEXTS[category];

/** Undefined for UNSPECIFIED, and for a category of a newer version. */
export function categoryNameOf(category: ErrorCategory): CategoryName | undefined {
  const name = ErrorCategory[category];
  return name !== undefined && isCategoryName(name) ? name : undefined;
}
