import type { RunRequest } from "../engine.js";
import { promptOnly } from "../prompt-only.js";

/** Enough for every run: a minute, and more bytes than any test prints. */
export const TEST_LIMITS: RunRequest["limits"] = {
  wallMs: 60_000,
  outputBytes: 16 * 1024 * 1024,
  turns: undefined,
  budgetUsd: undefined,
};

/** A request that asks only for an answer to its prompt. */
export const plainRequest = (taskId: string, prompt: string): RunRequest => ({
  ...promptOnly(prompt),
  taskId,
  fence: 1n,
  limits: TEST_LIMITS,
});
