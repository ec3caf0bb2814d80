import type { RunRequest } from "./engine.js";
import { NO_OPTIONS } from "./engine-options.js";

/** What a request says that wants nothing but an answer to its prompt, besides whose it is and within which limits. */
export const promptOnly = (prompt: string): Omit<RunRequest, "taskId" | "fence" | "limits"> => ({
  ...NO_OPTIONS,
  prompt,
  files: [],
  workingFolder: undefined,
  permissionMode: "default",
  traceparent: "",
});
