export type { CategoryName, FieldViolation, Reason } from "@ccsp/errors";
export type { Tls } from "@ccsp/grpc-kit/client.js";
export type {
  EstimateTaskResponse as Estimate,
  ExplainTaskResponse as Explanation,
} from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
export { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
export type { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
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
export { type Answer, createAnswer } from "./answer.js";
export type { BudgetActionName, BudgetStanding } from "./budgets.js";
export type { CallSettings } from "./caller.js";
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
  BudgetExhaustedError,
  CcspError,
  ConflictError,
  categoryName,
  InvalidTaskError,
  NotFoundError,
  PermissionError,
  QueueFullError,
  SubmitStoppedError,
  TaskFailedError,
  TaskStateError,
  UnavailableError,
} from "./errors.js";
export type {
  Forecast,
  ForecastBase,
  ForecastError,
  ForecastMetricName,
  ForecastQuery,
  ForecastSettings,
  ForecastStep,
  KnownForecast,
  NoForecast,
} from "./forecast.js";
export type { ListFilter } from "./list-filter.js";
export type { Run } from "./run.js";
export { type EndState, type RunEnded, type RunEvent, type RunUsage, toRunEvent } from "./run-event.js";
export { toRunEvents } from "./run-events.js";
export type { ScheduleInput, Schedules } from "./schedules.js";
export type { Submitted } from "./submitted.js";
export {
  type AffinityInput,
  type AttachmentInput,
  type CacheInput,
  type ConversationInput,
  type LimitsInput,
  PERMISSION_MODES,
  type PermissionModeName,
  PRIORITIES,
  type PriorityName,
  type RetryInput,
  type TaskInput,
} from "./task-input.js";
export type { TaskSpan, TaskTrace } from "./task-trace.js";
export type { ClientTls } from "./tls.js";
export type { Token } from "./token.js";
export type { UsageDimension, UsageGap, UsageQuery, UsageReport, UsageRow, UsageSettings } from "./usage.js";
export type { UsageCalls } from "./usage-calls.js";
