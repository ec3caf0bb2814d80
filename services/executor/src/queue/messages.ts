import {
  type EngineEvent,
  type ErrorCategory as ErrorCategoryName,
  FIRST_MESSAGE,
  isErrorCategory,
  NO_OPTIONS,
  optionsOf,
  type RunFailure,
  type RunResources,
  type Usage,
  type WindowSignal,
} from "@ccsp/engine-kit";
import type { HeldConversation } from "@ccsp/protos/ccsp/queue/v1/conversation.js";
import type { RunPolicy } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import type { Lease as LeaseMessage } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import type { TaskEvent } from "@ccsp/protos/ccsp/task/v1/task.js";
import {
  ErrorCategory,
  ErrorSource,
  PermissionMode as PermissionModeMessage,
  type RunResources as RunResourcesMessage,
  type TaskError,
  type TaskResult,
  type Usage as UsageMessage,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { type WindowSignal as WindowMessage, WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { HeldTurn, KeptResult, Lease, ToldPolicy } from "../domain/queue.js";

export function toLease(message: LeaseMessage): Lease {
  const { spec } = message;
  return {
    ...optionsOf(spec ?? NO_OPTIONS),
    taskId: message.taskId,
    fence: message.fence,
    agentId: message.agentId,
    engine: spec?.engine ?? "",
    prompt: spec?.prompt ?? "",
    attachments: spec?.attachments ?? [],
    includeFiles: spec?.includeFiles ?? [],
    workingFolder: spec?.workingFolder ?? "",
    permissionMode: toPermissionMode(spec?.permissionMode ?? PermissionModeMessage.UNSPECIFIED),
    conversation: spec?.conversation && { ...spec.conversation, held: toHeld(message.conversation) },
    limits: {
      // Zero comes only from tasks of 0.2.0, and means absent.
      wallMs: durationMs(spec?.limits?.wallTime) || undefined,
      outputBytes: Number(spec?.limits?.outputBytes ?? 0n) || undefined,
      turns: spec?.limits?.turns || undefined,
      budgetUsd: spec?.limits?.budgetUsd || undefined,
    },
    attempt: message.attempt,
    traceparent: message.traceparent,
    previousTraceparent: message.previousTraceparent,
  };
}

const toHeld = (held: HeldConversation | undefined): HeldTurn | undefined =>
  held && {
    engineId: held.engineConversationId,
    executorId: held.executorId,
    fence: held.turnFence,
    fault: held.transcriptFault,
  };

const MODES = wordsOf(PermissionModeMessage);

export const toPolicyMessage = ({
  permissionModes,
  roots,
  rootsMayChange,
  noWorkingFolders,
  most,
  deniedTools,
}: ToldPolicy): RunPolicy => ({
  permissionModes: permissionModes.map((mode) => MODES[mode]),
  roots: [...roots],
  rootsMayChange,
  noWorkingFolders,
  most: {
    wallTime: toDuration(most.maxWallMs),
    outputBytes: BigInt(most.outputBytes),
    turns: most.maxTurns,
    budgetUsd: most.maxBudgetUsd,
  },
  deniedTools: [...deniedTools],
});

const toPermissionMode = (mode: PermissionModeMessage): Lease["permissionMode"] =>
  mode === PermissionModeMessage.UNSPECIFIED ? undefined : (wordOf(MODES, mode) ?? "unknown");

/** The queue sets the sequence number, the time and the attempt. */
export function toTaskEvent(event: EngineEvent): TaskEvent {
  return { sequence: 0, time: undefined, attempt: 0, event: toOneof(event) };
}

function toOneof(event: EngineEvent): TaskEvent["event"] {
  if (event.type === "text") {
    return { $case: "textDelta", value: { text: event.text, message: event.message ?? FIRST_MESSAGE } };
  }
  if (event.type === "taken-back") return { $case: "textTakenBack", value: { message: event.message } };
  if (event.type === "tool") return { $case: "toolUse", value: { name: event.name } };
  if (event.type === "usage") {
    const { usage, costUsd, turns, toolUses = 0, model } = event;
    return { $case: "usageSoFar", value: { usage: toUsage(usage), costUsd, turns, toolUses, model } };
  }
  // The log says when a tool was used. Only its span says how long.
  if (event.type === "tool-ended") return undefined;
  return { $case: "engineNotice", value: { category: toCategory(event.category), message: event.message } };
}

/** The queue sets `queueWait`, `executorId` and `conversationId`. */
export function toTaskResult(engine: string, result: KeptResult): TaskResult {
  const { text, usage, costUsd, engineVersion, model, turns, runMs, resources, permissionDenials, notKept } = result;
  return {
    text,
    usage: toUsage(usage),
    costUsd,
    conversationId: "",
    engine,
    engineVersion,
    model,
    turns,
    runTime: toDuration(runMs),
    queueWait: undefined,
    executorId: "",
    cached: false,
    resources: resources && toResources(resources),
    permissionDenials: [...(permissionDenials ?? [])],
    notKept: [...(notKept ?? [])],
  };
}

/** An unknown value stays absent. In a message, 0 means that a number is absent. */
export const toResources = ({ cpuMs, peakMemoryBytes }: RunResources): RunResourcesMessage => ({
  cpuTime: cpuMs === undefined ? undefined : toDuration(cpuMs),
  peakMemoryBytes: BigInt(Math.round(peakMemoryBytes ?? 0)),
});

export function toUsage(usage: Usage | undefined): UsageMessage | undefined {
  return (
    usage && {
      inputTokens: BigInt(usage.inputTokens),
      outputTokens: BigInt(usage.outputTokens),
      cacheReadTokens: BigInt(usage.cacheReadTokens),
      cacheCreationTokens: BigInt(usage.cacheCreationTokens),
    }
  );
}

const WINDOW_STATES: Readonly<Record<WindowSignal["state"], WindowState>> = wordsOf(WindowState);
/** The latest time that a message can hold: the end of the year 9999. */
const LAST_MS = 253_402_300_799_999;
const isTime = (ms: number | undefined): ms is number => ms !== undefined && ms >= 0 && ms <= LAST_MS;

/** A plugin may return invalid numbers. They count as absent, so that they cannot cost the run its result. */
export const toWindows = (windows: readonly WindowSignal[] = []): WindowMessage[] =>
  windows.map(({ name, state, resetMs, share, lengthMs }) => ({
    name,
    state: WINDOW_STATES[state] ?? WindowState.UNSPECIFIED,
    resetTime: isTime(resetMs) ? new Date(resetMs) : undefined,
    usedShare: share !== undefined && share >= 0 ? Math.min(share, 1) : undefined,
    length: isTime(lengthMs) ? toDuration(lengthMs) : undefined,
  }));

/** A plugin may return a category that does not exist. */
const toCategory = (word: ErrorCategoryName): ErrorCategory =>
  isErrorCategory(word) ? ErrorCategory[word] : ErrorCategory.UNKNOWN_ERROR;

const MAX_MESSAGE_CHARS = 500;

export function toTaskError(failure: RunFailure): TaskError {
  return {
    category: toCategory(failure.category),
    message: failure.message.slice(0, MAX_MESSAGE_CHARS),
    retryable: failure.retryable,
    source: ErrorSource[failure.source] ?? ErrorSource.UNSPECIFIED,
    retryAfter: failure.retryAfterMs === undefined ? undefined : toDuration(failure.retryAfterMs),
  };
}
