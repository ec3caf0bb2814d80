import type { RunPolicy as RunPolicyMessage } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import { PermissionMode, type TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { PolicedParts, RunPolicy } from "../domain/executors/run-policy.js";

/** An executor tells less. A larger policy counts as none, so that no heartbeat becomes large. */
const MOST_CHARS = 32 * 1024;

const MODES = wordsOf(PermissionMode);

/** Undefined: it is absent or too large. */
export function readRunPolicy(message: RunPolicyMessage | undefined): RunPolicy | undefined {
  if (message === undefined) return undefined;
  const { permissionModes, roots, noWorkingFolders, rootsMayChange, most, deniedTools } = message;
  const modes = permissionModes.map((mode) => wordOf(MODES, mode) ?? "");
  const policy = { modes, roots, noWorkingFolders, rootsMayChange, most: limitsOf(most), deniedTools };
  return JSON.stringify(policy).length > MOST_CHARS ? undefined : policy;
}

/** Undefined: it asks for nothing that a policy can forbid. */
export function policedParts(spec: TaskSpec, engine: string): PolicedParts | undefined {
  const { permissionMode, workingFolder, includeFiles, availableTools, allowedTools, limits, affinity } = spec;
  const names = [workingFolder, ...includeFiles, ...availableTools, ...allowedTools];
  if (permissionMode === PermissionMode.UNSPECIFIED && limits === undefined && names.every((name) => name === ""))
    return undefined;
  return {
    engine,
    pin: affinity && affinity.fallbackAfter === undefined ? affinity.executorId : undefined,
    prefers: affinity?.fallbackAfter === undefined ? undefined : affinity.executorId,
    mode: wordOf(MODES, permissionMode),
    ...{ workingFolder, includeFiles, availableTools, allowedTools },
    limits: limitsOf(limits),
  };
}

function limitsOf(limits: TaskSpec["limits"]): RunPolicy["most"] {
  const { wallTime, outputBytes, turns, budgetUsd } = limits ?? {};
  return {
    ...(wallTime && { wallMs: durationMs(wallTime) }),
    ...(outputBytes !== undefined && { outputBytes: Number(outputBytes) }),
    ...(turns !== undefined && { turns }),
    ...(budgetUsd !== undefined && { budgetUsd }),
  };
}
