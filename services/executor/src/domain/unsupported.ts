import {
  askedOptions,
  type Engine,
  type OptionPart,
  partOf,
  type RunFailure,
  runFailure,
  type TaskPart,
} from "@ccsp/engine-kit";
import type { Lease } from "./queue.js";

/** For each part that is not an engine option: whether the task asks for it. */
const ASKS: Readonly<Record<Exclude<TaskPart, OptionPart>, (lease: Lease) => boolean>> = {
  conversation: ({ conversation }) => conversation !== undefined,
  attachments: ({ attachments }) => attachments.length > 0,
  include_files: ({ includeFiles }) => includeFiles.length > 0,
  working_folder: ({ workingFolder }) => workingFolder !== "",
  permission_mode: ({ permissionMode }) => permissionMode !== undefined,
  "limits.turns": ({ limits }) => limits.turns !== undefined,
  "limits.budget_usd": ({ limits }) => limits.budgetUsd !== undefined,
};

/**
 * Why an engine may not run a task: it would ignore a part that the task asks for. Undefined if the engine honours all
 * parts.
 */
export function unsupported(lease: Lease, { name, capabilities }: Engine): RunFailure | undefined {
  const parts: readonly string[] = capabilities.takes;
  const others = Object.entries(ASKS).flatMap(([part, asks]) => (asks(lease) ? [part] : []));
  const options = askedOptions(lease).map(([option]) => partOf(option));
  const missing = [...options, ...others].filter((part) => !parts.includes(part));
  if (missing.length === 0) return undefined;
  return runFailure("INVALID_REQUEST", `engine ${name} does not support ${missing.join(", ")}`);
}
