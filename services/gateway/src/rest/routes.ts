/** A path below `/api/v2`, and the calls that it stands for. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** What is in braces is a field of the request: `/tasks/{taskId}`, `/budgets/{budget.name}`. */
  readonly path: string;
  /**
   * The RPCs behind it. With both, the caller's scopes decide: who may call the one of OperatorService gets it, and so
   * acts on the tasks of all agents.
   */
  readonly operator?: string;
  readonly agent?: string;
  /** Default: `answer`. */
  readonly kind?: RouteKind;
}

/**
 * The form of the answer.
 *
 * - `answer`: the message of the response.
 * - `created`: the same with status 201.
 * - `batch`: the same. Each task of the request has its own outcome, also one that cannot be read.
 * - `events`: server-sent events, one for each message of the stream.
 * - `log`: the entries of a task's log so far, as a list.
 * - `lines`: the lines of an export.
 */
export type RouteKind = "answer" | "created" | "batch" | "events" | "log" | "lines";

type Rpcs = Pick<Route, "operator" | "agent" | "kind">;

/** The RPC has this name in both services. */
const both = (name: string, kind?: RouteKind): Rpcs => ({ operator: name, agent: name, ...(kind && { kind }) });
const operator = (name: string, kind?: RouteKind): Rpcs => ({ operator: name, ...(kind && { kind }) });
const agent = (name: string, kind?: RouteKind): Rpcs => ({ agent: name, ...(kind && { kind }) });
const on = (method: Route["method"], path: string, rpcs: Rpcs): Route => ({ method, path, ...rpcs });

const TASKS: readonly Route[] = [
  on("POST", "/tasks", agent("SubmitTask", "created")),
  on("POST", "/tasks/batch", agent("SubmitTasks", "batch")),
  on("POST", "/tasks/estimate", agent("EstimateTask")),
  on("POST", "/tasks/cancel", operator("CancelTasks")),
  on("POST", "/tasks/retry", operator("RetryTasks")),
  on("GET", "/tasks", both("ListTasks")),
  on("GET", "/tasks/{taskId}", both("GetTask")),
  on("GET", "/tasks/{taskId}/events", both("WatchTask", "events")),
  on("GET", "/tasks/{taskId}/log", both("WatchTask", "log")),
  on("POST", "/tasks/{taskId}/cancel", both("CancelTask")),
  on("POST", "/tasks/{taskId}/retry", both("RetryTask")),
  on("PUT", "/tasks/{taskId}/priority", operator("SetPriority")),
  on("GET", "/tasks/{taskId}/explanation", both("ExplainTask")),
  on("GET", "/tasks/{taskId}/trace", both("GetTaskTrace")),
  on("GET", "/tasks/{taskId}/run", operator("GetRun")),
  on("GET", "/tasks/{taskId}/tail", operator("TailRun", "events")),
  on("GET", "/schedules", agent("ListSchedules")),
  on("PUT", "/schedules/{schedule.name}", agent("PutSchedule")),
  on("DELETE", "/schedules/{name}", agent("DeleteSchedule")),
];

const QUEUE: readonly Route[] = [
  on("GET", "/queue/status", operator("GetStatus")),
  on("GET", "/queue/waiting", operator("ListWaiting")),
  on("GET", "/queue/history", operator("GetQueueHistory")),
  on("GET", "/queue/events", operator("WatchQueue", "events")),
  on("POST", "/queue/pause", operator("PauseQueue")),
  on("POST", "/queue/resume", operator("ResumeQueue")),
  on("POST", "/queue/clear", operator("ClearQueue")),
  on("GET", "/queue/limits", operator("GetLimits")),
  on("PUT", "/queue/limits", operator("SetLimits")),
  on("POST", "/emergency-stop", operator("EmergencyStop")),
];

const EXECUTORS: readonly Route[] = [
  on("GET", "/executors", operator("ListExecutors")),
  on("GET", "/executors/{executorId}/engines", operator("ListEngines")),
  on("GET", "/executors/{executorId}/hooks", operator("ListHooks")),
  on("PUT", "/executors/{executorId}/concurrency", operator("SetConcurrency")),
  on("PUT", "/executors/{executorId}/draining", operator("SetDraining")),
  on("POST", "/executors/{executorId}/probe", operator("Probe")),
];

const USAGE: readonly Route[] = [
  on("GET", "/usage", operator("GetUsage")),
  on("GET", "/usage/series", operator("GetTimeSeries")),
  on("GET", "/usage/export", operator("ExportUsage", "lines")),
  on("GET", "/usage/windows", operator("ListUsageWindows")),
  on("GET", "/usage/forecast", operator("GetForecast")),
  on("GET", "/usage/agents", operator("GetAgentStats")),
  on("GET", "/usage/adaptation", operator("GetAdaptation")),
  on("POST", "/usage/records", operator("RecordUsage")),
  on("GET", "/budgets", operator("ListBudgets")),
  on("PUT", "/budgets/{budget.name}", operator("PutBudget")),
  on("DELETE", "/budgets/{name}", operator("DeleteBudget")),
];

const WATCH: readonly Route[] = [
  on("GET", "/alerts", operator("ListAlerts")),
  on("GET", "/alerts/rules", operator("ListAlertRules")),
  on("PUT", "/alerts/rules/{rule.name}", operator("PutAlertRule")),
  on("DELETE", "/alerts/rules/{name}", operator("DeleteAlertRule")),
  on("POST", "/alerts/rules/test", operator("TestAlertRule")),
  on("GET", "/alerts/silences", operator("ListSilences")),
  on("POST", "/alerts/silences", operator("SilenceAlerts", "created")),
  on("DELETE", "/alerts/silences/{id}", operator("DeleteSilence")),
  on("GET", "/signals", operator("ListSignals")),
  on("GET", "/slos", operator("GetSlos")),
  on("GET", "/fleet", operator("GetGlobalMetrics")),
  on("GET", "/fleet/events", operator("WatchMetrics", "events")),
  on("GET", "/sessions", operator("ListSessions")),
  // An account may have the empty name, so it is not part of a path.
  on("POST", "/sessions/confirm", operator("ConfirmSession")),
  on("POST", "/sessions/check", operator("CheckSession")),
  on("GET", "/notifications", operator("ListNotifications")),
  on("GET", "/notifications/{id}", operator("GetNotification")),
  on("POST", "/notifications/preview", operator("PreviewNotification")),
  on("POST", "/notifications/{id}/retry", operator("RetryNotification")),
  on("GET", "/channels", operator("ListChannels")),
  on("POST", "/channels/{channel}/test", operator("TestChannel")),
];

const ACCESS: readonly Route[] = [
  on("GET", "/keys", operator("ListKeys")),
  on("POST", "/keys", operator("CreateKey", "created")),
  on("POST", "/keys/{id}/rotate", operator("RotateKey")),
  on("DELETE", "/keys/{id}", operator("RevokeKey")),
  on("POST", "/tokens/revoke", operator("RevokeTokens")),
  on("GET", "/me", operator("WhoAmI")),
  on("GET", "/me/usage", agent("GetMyUsage")),
  on("GET", "/me/forecast", agent("GetMyForecast")),
  on("GET", "/me/budgets", agent("GetMyBudgets")),
  on("GET", "/capabilities", agent("GetCapabilities")),
];

/** The one source of the paths: the server, its OpenAPI and the tests read it. */
export const ROUTES: readonly Route[] = [...TASKS, ...QUEUE, ...EXECUTORS, ...USAGE, ...WATCH, ...ACCESS];

/** The RPCs that no path stands for, and why. */
export const WITHOUT_ROUTE: Readonly<Record<string, string>> = {
  "/ccsp.gateway.v1.AgentService/RunTask":
    "POST /tasks and GET /tasks/{taskId}/events do the same in two calls, and the second one can be resumed",
};

/** Paths that are planned. They answer 501 to those who have proven who they are. */
export const NOT_YET: readonly { readonly path: string; readonly missing: string }[] = [
  { path: "/audit", missing: "no service can search the audit log yet: it is in the log of each service" },
  { path: "/conversations", missing: "no service lists conversations yet: a task's result has the id of its own" },
];
