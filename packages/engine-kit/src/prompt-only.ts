import type { RunRequest } from "./engine.js";

/** What a request says that wants nothing but an answer to its prompt, besides whose it is and within which limits. */
export const promptOnly = (prompt: string): Omit<RunRequest, "taskId" | "fence" | "limits"> => ({
  prompt,
  model: "",
  fallbackModels: [],
  systemPrompt: "",
  files: [],
  workingFolder: undefined,
  availableTools: [],
  allowedTools: [],
  deniedTools: [],
  permissionMode: "default",
  traceparent: "",
});
