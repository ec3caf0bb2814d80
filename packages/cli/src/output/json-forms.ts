import type { RunEvent } from "@ccsp/client";
import type { RunEntry } from "@ccsp/client/messages";
import type {
  GetExecutorStatusResponse,
  ProbeResponse,
  RunStatus,
  SetConcurrencyResponse,
  SetDrainingResponse,
} from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type {
  EstimateTaskResponse,
  ExplainTaskResponse,
  GetCapabilitiesResponse,
} from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import type {
  ApiKey,
  CreateKeyResponse,
  ExecutorState,
  RotateKeyResponse,
  WhoAmIResponse,
} from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { GetAdaptationResponse } from "@ccsp/protos/ccsp/monitor/v1/adaptation.js";
import type { Alert, AlertRuleStatus, Silence } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import type { GetGlobalMetricsResponse } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { GetForecastResponse } from "@ccsp/protos/ccsp/monitor/v1/forecast.js";
import type { GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { Session } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import type { GetSlosResponse } from "@ccsp/protos/ccsp/monitor/v1/slo.js";
import type { UsageWindow } from "@ccsp/protos/ccsp/monitor/v1/windows.js";
import type {
  Channel,
  GetNotificationResponse,
  ListNotificationsResponse,
  Notification,
  PreviewNotificationResponse,
  RetryNotificationResponse,
  TestChannelResponse,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { EmergencyStopResponse } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { Gate } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { Limit } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import type {
  CancelTasksResponse,
  ClearQueueResponse,
  RetryTasksResponse,
} from "@ccsp/protos/ccsp/queue/v1/task_changes.js";
import type { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import type { Task, TaskError, TaskEvent, TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { BudgetStanding } from "@ccsp/protos/ccsp/usage/v1/budgets.js";

/** The messages that commands print as JSON. `ExplainTaskResponse` stands for the queue's too: its fields are the same. */
interface Messages {
  readonly "ccsp.executor.v1.GetExecutorStatusResponse": GetExecutorStatusResponse;
  readonly "ccsp.executor.v1.ProbeResponse": ProbeResponse;
  readonly "ccsp.executor.v1.RunStatus": RunStatus;
  readonly "ccsp.executor.v1.SetConcurrencyResponse": SetConcurrencyResponse;
  readonly "ccsp.executor.v1.SetDrainingResponse": SetDrainingResponse;
  readonly "ccsp.gateway.v1.ApiKey": ApiKey;
  readonly "ccsp.gateway.v1.CreateKeyResponse": CreateKeyResponse;
  readonly "ccsp.gateway.v1.EstimateTaskResponse": EstimateTaskResponse;
  readonly "ccsp.gateway.v1.ExplainTaskResponse": ExplainTaskResponse;
  readonly "ccsp.gateway.v1.GetCapabilitiesResponse": GetCapabilitiesResponse;
  readonly "ccsp.gateway.v1.RotateKeyResponse": RotateKeyResponse;
  readonly "ccsp.gateway.v1.WhoAmIResponse": WhoAmIResponse;
  readonly "ccsp.monitor.v1.GetGlobalMetricsResponse": GetGlobalMetricsResponse;
  readonly "ccsp.monitor.v1.GetSlosResponse": GetSlosResponse;
  readonly "ccsp.monitor.v1.Alert": Alert;
  readonly "ccsp.monitor.v1.AlertRuleStatus": AlertRuleStatus;
  readonly "ccsp.monitor.v1.GetAdaptationResponse": GetAdaptationResponse;
  readonly "ccsp.monitor.v1.GetForecastResponse": GetForecastResponse;
  readonly "ccsp.monitor.v1.GetUsageResponse": GetUsageResponse;
  readonly "ccsp.monitor.v1.UsageWindow": UsageWindow;
  readonly "ccsp.monitor.v1.Silence": Silence;
  readonly "ccsp.monitor.v1.Session": Session;
  readonly "ccsp.notification.v1.Channel": Channel;
  readonly "ccsp.notification.v1.GetNotificationResponse": GetNotificationResponse;
  readonly "ccsp.notification.v1.ListNotificationsResponse": ListNotificationsResponse;
  readonly "ccsp.notification.v1.Notification": Notification;
  readonly "ccsp.notification.v1.PreviewNotificationResponse": PreviewNotificationResponse;
  readonly "ccsp.notification.v1.RetryNotificationResponse": RetryNotificationResponse;
  readonly "ccsp.notification.v1.TestChannelResponse": TestChannelResponse;
  readonly "ccsp.queue.v1.CancelTasksResponse": CancelTasksResponse;
  readonly "ccsp.queue.v1.ClearQueueResponse": ClearQueueResponse;
  readonly "ccsp.queue.v1.EmergencyStopResponse": EmergencyStopResponse;
  readonly "ccsp.queue.v1.Gate": Gate;
  readonly "ccsp.queue.v1.GetStatusResponse": GetStatusResponse;
  readonly "ccsp.queue.v1.Limit": Limit;
  readonly "ccsp.queue.v1.RetryTasksResponse": RetryTasksResponse;
  readonly "ccsp.task.v1.Schedule": Schedule;
  readonly "ccsp.task.v1.Task": Task;
  readonly "ccsp.task.v1.TaskError": TaskError;
  readonly "ccsp.task.v1.TaskEvent": TaskEvent;
  readonly "ccsp.task.v1.TaskResult": TaskResult;
  readonly "ccsp.usage.v1.BudgetStanding": BudgetStanding;
}

/** A message in the JSON form of CCSP (docs/cli-output.md). */
export async function messageJson<N extends keyof Messages>(typeName: N, message: Messages[N]): Promise<object> {
  // Loaded here, because output for people does not need the descriptor.
  const { toJson } = await import("@ccsp/protos/json.js");
  return Object(toJson(typeName, message));
}

export const taskJson = (task: Task): Promise<object> => messageJson("ccsp.task.v1.Task", task);

/** Its status with its address. One that does not answer has `error` in place of the status. */
export async function executorJson({ executorId, address, status, error }: ExecutorState): Promise<object> {
  if (status === undefined) return { executorId, address, error };
  return { address, ...(await messageJson("ccsp.executor.v1.GetExecutorStatusResponse", status)) };
}

/** An event of a run, made of this entry. Messages inside it are in the JSON form of CCSP. */
export async function runEventJson(event: RunEvent, entry: RunEntry): Promise<object> {
  if ("task" in entry) return { type: "accepted", task: await taskJson(entry.task) };
  if (event.type !== "waiting" && event.type !== "ended") return event;
  const { error, result } = partsOf(entry);
  return {
    ...event,
    ...(event.type === "waiting" && { until: event.until?.toISOString() }),
    error: error && (await messageJson("ccsp.task.v1.TaskError", error)),
    ...(event.type === "ended" && { result: result && (await messageJson("ccsp.task.v1.TaskResult", result)) }),
  };
}

function partsOf({ event }: TaskEvent): {
  readonly error?: TaskError | undefined;
  readonly result?: TaskResult | undefined;
} {
  return event?.$case === "stateChanged" || event?.$case === "taskEnded" ? event.value : {};
}
