import type { CategoryName } from "@ccsp/errors";
import { ErrorSource, type TaskError as Message } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { Names } from "@ccsp/protos/words.js";
import { categoryName, nameOf } from "./words.js";

/** Why a run failed. A failed run is not a failed call. */
export interface TaskError {
  /** For programs. `UNKNOWN_ERROR` also stands for a category that is newer than this client. */
  readonly category: CategoryName;
  /** Text for people. It has no prompt, output or secret. */
  readonly message: string;
  /** Whether another attempt may succeed. */
  readonly retryable: boolean;
  /** The side that caused the failure: the agent's request, the engine's CLI, the model provider, or CCSP. */
  readonly source: "AGENT" | "ENGINE" | "PROVIDER" | "CCSP" | "UNKNOWN";
  /** Shortest sensible wait before the next try. Undefined: the engine gave none. */
  readonly retryAfterMs: number | undefined;
}

const SOURCES = {
  AGENT: ErrorSource.AGENT,
  ENGINE: ErrorSource.ENGINE,
  PROVIDER: ErrorSource.PROVIDER,
  CCSP: ErrorSource.CCSP,
} as const satisfies Record<Names<typeof ErrorSource>, ErrorSource>;

export const toTaskError = ({ category, message, retryable, source, retryAfter }: Message): TaskError => ({
  category: categoryName(category),
  message,
  retryable,
  source: nameOf(SOURCES, source),
  retryAfterMs: retryAfter && durationMs(retryAfter),
});
