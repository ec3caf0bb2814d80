export { findExecutable } from "@ccsp/config";
export { categoryOfStatus, classify, ENDINGS, type Rule, type Symptoms, type Words } from "./classify.js";
export type {
  ConversationState,
  ConversationTurn,
  Engine,
  EngineCapabilities,
  EngineEvent,
  EngineRun,
  PermissionDenial,
  PermissionMode,
  RunFailed,
  RunFile,
  RunLimits,
  RunOutcome,
  RunRequest,
  RunResult,
  RunSuccess,
  UsageSoFar,
  WindowSignal,
} from "./engine.js";
export {
  askedOptions,
  type EngineOptions,
  NO_OPTIONS,
  OPTION_PARTS,
  type OptionPart,
  optionsOf,
  partOf,
  type TaskPart,
} from "./engine-options.js";
export {
  ERROR_CATEGORIES,
  type ErrorCategory,
  type ErrorSource,
  type FailureTraits,
  isErrorCategory,
  type RunFailure,
  runFailure,
  type Severity,
} from "./failure.js";
export { type WrittenFiles, writeFiles } from "./files.js";
export { type FollowOptions, followRun } from "./follow-run.js";
export type { Handled, RequestChange, RunHandler } from "./hook.js";
export { HOOK_POINTS, type Hook, type HookContext, type HookPlugin, type HookPoint, type HookRun } from "./hook.js";
export { at, countAt, entriesAt, type Json, listAt, numberAt, parseObject, textAt } from "./json.js";
export { knownCost } from "./known-cost.js";
export { createLineSplitter, type LineSplitter, LineTooLong } from "./line-splitter.js";
export { type EndOfRun, outcomeOf } from "./outcome.js";
export type { EngineContext, EnginePlugin } from "./plugin.js";
export { promptOnly } from "./prompt-only.js";
export type { AnswerHead, BrokeredSecret, Provider } from "./provider.js";
export {
  createBelow,
  type FileFacts,
  FileRefused,
  followLinks,
  type HeldEntry,
  inFolder,
  makeFolderBelow,
  type OpenFolder,
  openFolder,
  openTrustedFolder,
  type ReadOptions,
  type RefusedFor,
} from "./run-files.js";
export type {
  BrokeredUse,
  ExitCause,
  Overrun,
  RunBrokerHandle,
  RunExit,
  RunFacts,
  RunHandle,
  RunResources,
} from "./run-handle.js";
export { hostOf, readEnvironmentFile, STANDARD_PATH, searchPath } from "./settings.js";
export { askOptions, askVersion, runOptions } from "./start.js";
export type { Prepared, RunAccess, RunFolder, RunOptions, SupervisedRun, Supervisor } from "./supervisor.js";
export { FIRST_MESSAGE, wellFormed } from "./text.js";
export { type Ending, emptyTranscript, type RunReader, type Transcript } from "./transcript.js";
export { NO_USAGE, type Usage } from "./usage.js";
export { wrapRun } from "./wrap-run.js";
