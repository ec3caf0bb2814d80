import type { RunRequest } from "./engine.js";
import { NO_OPTIONS } from "./engine-options.js";

/** A request that asks only for an answer to its prompt. The caller adds the task and the limits. */
export const promptOnly = (prompt: string): Omit<RunRequest, "taskId" | "fence" | "limits"> => ({
  ...NO_OPTIONS,
  prompt,
  files: [],
  workingFolder: undefined,
  permissionMode: "default",
  traceparent: "",
});
