export type { CategoryName, FieldViolation, Reason } from "@ccsp/errors";
export type { Tls } from "@ccsp/grpc-kit/client.js";
export { type Answer, createAnswer } from "./answer.js";
export type { BudgetActionName, BudgetStanding } from "./budgets.js";
export type { CallSettings } from "./caller.js";
export { type CcspClient, createCcspClient } from "./client.js";
export {
  AuthenticationError,
  BudgetExhaustedError,
  CcspError,
  ConflictError,
  InvalidTaskError,
  NotFoundError,
  PermissionError,
  QueueFullError,
  SubmitStoppedError,
  TaskFailedError,
  TaskStateError,
  UnavailableError,
} from "./errors.js";
export type { Blocker, BlockerKindName, Estimate, Explanation, TimeEstimate } from "./explanation.js";
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
export type {
  BatchInput,
  Capabilities,
  ClientOptions,
  ListSettings,
  SubmitSettings,
  WatchSettings,
} from "./message-client.js";
export type { Run } from "./run.js";
export { type RunEnded, type RunEvent, type RunUsage, toRunEvent } from "./run-event.js";
export { toRunEvents } from "./run-events.js";
export type { ScheduleInput } from "./schedule-calls.js";
export type { Schedule, Schedules } from "./schedules.js";
export type { Submitted } from "./submitted.js";
export type { Task, TaskStateName } from "./task.js";
export type { TaskError } from "./task-error.js";
export type { EndState, EntryBody, EntryHead, TaskEvent } from "./task-event.js";
export type {
  AffinityInput,
  AttachmentInput,
  CacheInput,
  ConversationInput,
  LimitsInput,
  RetryInput,
  TaskInput,
} from "./task-input.js";
export type { PermissionDenial, RunResources, TaskResult, Usage, UsageSoFar } from "./task-result.js";
export type { TaskLimits, TaskRetry, TaskSpec } from "./task-spec.js";
export type { TaskSpan, TaskTrace } from "./task-trace.js";
export type { ClientTls } from "./tls.js";
export type { Token } from "./token.js";
export type { UsageDimension, UsageGap, UsageQuery, UsageReport, UsageRow, UsageSettings } from "./usage.js";
export type { UsageCalls } from "./usage-calls.js";
export { PERMISSION_MODES, type PermissionModeName, type PriorityName } from "./words.js";
