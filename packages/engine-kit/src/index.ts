export type {
  Engine,
  EngineCapabilities,
  EngineEvent,
  EngineRun,
  RunFailed,
  RunLimits,
  RunOutcome,
  RunRequest,
  RunResources,
  RunResult,
  RunSuccess,
  TaskPart,
  Usage,
} from "./engine.js";
export { findExecutable } from "./executable.js";
export type { ErrorCategory, ErrorSource, RunFailure } from "./failure.js";
export { at, countAt, entriesAt, type Json, listAt, numberAt, parseObject, textAt } from "./json.js";
export { createLineSplitter, type LineSplitter, LineTooLong } from "./line-splitter.js";
export type { EngineContext, EnginePlugin } from "./plugin.js";
export type { Overrun, Prepared, RunExit, RunFolder, RunOptions, SupervisedRun, Supervisor } from "./supervisor.js";
