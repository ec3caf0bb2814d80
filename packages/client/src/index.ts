export type { FieldViolation, Reason } from "@ccsp/errors";
export {
  ErrorCategory,
  Priority,
  type Task,
  type TaskError,
  type TaskEvent,
  type TaskResult,
  TaskState,
  type Usage,
} from "@ccsp/protos/ccsp/task/v1/task.js";
export type { CallSettings, Token } from "./caller.js";
export {
  type Capabilities,
  type CcspClient,
  type ClientOptions,
  createCcspClient,
  type ListSettings,
  type SubmitSettings,
  type TaskStateName,
} from "./client.js";
export {
  AuthenticationError,
  CcspError,
  ConflictError,
  categoryName,
  InvalidTaskError,
  NotFoundError,
  PermissionError,
  QueueFullError,
  TaskFailedError,
  UnavailableError,
} from "./errors.js";
export type { Run } from "./run.js";
export { type EndState, type RunEnded, type RunEvent, toRunEvent } from "./run-event.js";
export type { LimitsInput, PriorityName, TaskInput } from "./task-input.js";
