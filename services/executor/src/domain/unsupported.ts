import { type Engine, type RunFailure, runFailure, type TaskPart } from "@ccsp/engine-kit";
import type { Lease } from "./queue.js";

/** How a task asks for each part that not every engine honours. */
const ASKS: Readonly<Record<TaskPart, (lease: Lease) => boolean>> = {
  model: ({ model }) => model !== "",
  fallback_models: ({ fallbackModels }) => fallbackModels.length > 0,
  system_prompt: ({ systemPrompt }) => systemPrompt !== "",
  conversation: ({ conversation }) => conversation !== undefined,
  attachments: ({ attachments }) => attachments.length > 0,
  include_files: ({ includeFiles }) => includeFiles.length > 0,
  working_folder: ({ workingFolder }) => workingFolder !== "",
  available_tools: ({ availableTools }) => availableTools.length > 0,
  allowed_tools: ({ allowedTools }) => allowedTools.length > 0,
  denied_tools: ({ deniedTools }) => deniedTools.length > 0,
  permission_mode: ({ permissionMode }) => permissionMode !== undefined,
  "limits.turns": ({ limits }) => limits.turns !== undefined,
  "limits.budget_usd": ({ limits }) => limits.budgetUsd !== undefined,
};

/** Why an engine may not be given a task: it would leave something out that was asked for. Undefined when it honours all of it. */
export function unsupported(lease: Lease, { name, capabilities }: Engine): RunFailure | undefined {
  const parts: readonly string[] = capabilities.takes;
  const missing = Object.entries(ASKS).flatMap(([part, asks]) => (asks(lease) && !parts.includes(part) ? [part] : []));
  if (missing.length === 0) return undefined;
  return runFailure("INVALID_REQUEST", `engine ${name} does not support ${missing.join(", ")}`);
}
