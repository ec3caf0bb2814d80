import { REASONS } from "@ccsp/errors";
import { messageSchemas } from "@ccsp/protos/json-schema.js";

type Schema = Readonly<Record<string, unknown>>;

/** Messages that a command prints as they are. */
const MESSAGE_OF: Readonly<Record<string, string>> = {
  submit: "task.v1.Task",
  get: "task.v1.Task",
  list: "task.v1.Task",
  explain: "gateway.v1.ExplainTaskResponse",
  estimate: "gateway.v1.EstimateTaskResponse",
  "schedule put": "task.v1.Schedule",
  "schedule list": "task.v1.Schedule",
  "queue status": "queue.v1.GetStatusResponse",
  "queue list": "task.v1.Task",
  "queue get": "task.v1.Task",
  "queue explain": "gateway.v1.ExplainTaskResponse",
  "queue log": "task.v1.TaskEvent",
  "queue cancel": "task.v1.Task",
  "queue retry": "task.v1.Task",
  priority: "task.v1.Task",
  pause: "queue.v1.Gate",
  adaptation: "monitor.v1.GetAdaptationResponse",
  "limits list": "queue.v1.Limit",
  "limits set": "queue.v1.Limit",
  "limits reset": "queue.v1.Limit",
  clear: "queue.v1.ClearQueueResponse",
  "emergency stop": "queue.v1.EmergencyStopResponse",
  "executor drain": "executor.v1.SetDrainingResponse",
  "executor slots": "executor.v1.SetConcurrencyResponse",
  "executor probe": "executor.v1.ProbeResponse",
  fleet: "monitor.v1.GetGlobalMetricsResponse",
  slo: "monitor.v1.GetSlosResponse",
  "session list": "monitor.v1.Session",
  "session confirm": "monitor.v1.Session",
  "session check": "monitor.v1.Session",
  usage: "monitor.v1.GetUsageResponse",
  "usage windows": "monitor.v1.UsageWindow",
  "usage forecast": "monitor.v1.GetForecastResponse",
  "alert list": "monitor.v1.Alert",
  "alert test": "monitor.v1.Alert",
  "alert rules": "monitor.v1.AlertRuleStatus",
  "alert put": "monitor.v1.AlertRuleStatus",
  "alert silence": "monitor.v1.Silence",
  "alert silences": "monitor.v1.Silence",
  "alert unsilence": "monitor.v1.Silence",
  "budget set": "usage.v1.BudgetStanding",
  "budget list": "usage.v1.BudgetStanding",
  whoami: "gateway.v1.WhoAmIResponse",
  "notify list": "notification.v1.Notification",
  "notify get": "notification.v1.GetNotificationResponse",
  "notify retry": "notification.v1.RetryNotificationResponse",
  "notify channels": "notification.v1.Channel",
  "notify test": "notification.v1.TestChannelResponse",
  "notify preview": "notification.v1.PreviewNotificationResponse",
  "key create": "gateway.v1.CreateKeyResponse",
  "key list": "gateway.v1.ApiKey",
  "key rotate": "gateway.v1.RotateKeyResponse",
  "key revoke": "gateway.v1.ApiKey",
};

/** Messages that are parts of what a command prints. */
const PARTS = [
  "queue.v1.CancelTasksResponse",
  "queue.v1.RetryTasksResponse",
  "executor.v1.GetExecutorStatusResponse",
  "executor.v1.RunStatus",
  "gateway.v1.GetCapabilitiesResponse",
  "monitor.v1.GetUsageResponse",
  "notification.v1.ListNotificationsResponse",
];

const ref = (message: string): Schema => ({ $ref: `#/$defs/ccsp.${message}` });
const TEXT: Schema = { type: "string" };
const NUMBER: Schema = { type: "integer" };
const YES_NO: Schema = { type: "boolean" };
const TIME: Schema = { type: "string", format: "date-time" };

/** An object. A name that ends with `?` may be absent. */
function object(fields: Readonly<Record<string, Schema>>): Schema {
  const named = Object.entries(fields).map(([name, schema]) => [name.replace("?", ""), schema] as const);
  const required = Object.keys(fields).filter((name) => !name.endsWith("?"));
  return { type: "object", properties: Object.fromEntries(named), required };
}

const ERROR = object({
  message: TEXT,
  "reason?": { enum: REASONS },
  "metadata?": { type: "object", additionalProperties: TEXT },
  "requestId?": TEXT,
  "mayHaveTakenEffect?": YES_NO,
  "fields?": { type: "array", items: object({ field: TEXT, description: TEXT }) },
});

const runEvent = (type: string, fields: Readonly<Record<string, Schema>>): Schema =>
  object({ type: { const: type }, ...fields });

const CERTIFICATE = {
  kind: { enum: ["ca", "service", "operator", "other"] },
  name: TEXT,
  state: { enum: ["VALID", "DUE", "EXPIRED", "EARLY", "WRONG KEY"] },
  hosts: { type: "array", items: TEXT },
  issuer: TEXT,
  startTime: TIME,
  expireTime: TIME,
  serialNumber: TEXT,
  file: TEXT,
};

/** See `RunEvent` of the SDK. */
const RUN_EVENT: Schema = {
  anyOf: [
    runEvent("accepted", { task: ref("task.v1.Task") }),
    runEvent("started", { sequence: NUMBER, attempt: NUMBER }),
    runEvent("text", { sequence: NUMBER, attempt: NUMBER, message: NUMBER, text: TEXT }),
    runEvent("taken-back", { sequence: NUMBER, attempt: NUMBER, message: NUMBER }),
    runEvent("tool", { sequence: NUMBER, attempt: NUMBER, name: TEXT }),
    runEvent("usage", {
      sequence: NUMBER,
      attempt: NUMBER,
      turns: NUMBER,
      "toolUses?": NUMBER,
      "usage?": ref("task.v1.Usage"),
      "costUsd?": { type: "number" },
      model: TEXT,
    }),
    runEvent("notice", { sequence: NUMBER, category: TEXT, message: TEXT }),
    runEvent("waiting", { sequence: NUMBER, reason: TEXT, "until?": TIME, "error?": ref("task.v1.TaskError") }),
    runEvent("cancelling", { sequence: NUMBER, reason: TEXT }),
    runEvent("ended", {
      sequence: NUMBER,
      state: { enum: ["SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"] },
      "result?": ref("task.v1.TaskResult"),
      "error?": ref("task.v1.TaskError"),
    }),
  ],
};

const STATUS = object({
  gateway: { anyOf: [ref("gateway.v1.GetCapabilitiesResponse"), object({ error: ERROR })] },
  "http?": TEXT,
  "services?": { type: "array", items: object({ name: TEXT, index: NUMBER, port: NUMBER, status: TEXT }) },
  "queue?": ref("queue.v1.GetStatusResponse"),
  "executors?": { type: "array", items: { $ref: "#/$defs/ccsp-executor-list" } },
  "usage?": ref("monitor.v1.GetUsageResponse"),
  "notifications?": ref("notification.v1.ListNotificationsResponse"),
});

/** The message with further fields. */
function extended(message: Schema, fields: Readonly<Record<string, Schema>>): Schema {
  const { properties, required } = Object(message);
  return { type: "object", properties: { ...fields, ...properties }, required: [...Object.keys(fields), ...required] };
}

/** The status of an executor with its address. `error` is there in place of the status. */
function executor(status: Schema): Schema {
  const { properties } = extended(status, { address: TEXT, error: TEXT });
  return { type: "object", properties, required: ["executorId", "address"] };
}

const RESUMED = object({ resumed: YES_NO });

/** The JSON Schema of what every command prints with `-o json`: a document or line of `ccsp X Y` is `$defs/ccsp-X-Y`. */
export function outputSchema(): Schema {
  const messages: Readonly<Record<string, Schema>> = Object(
    messageSchemas([...Object.values(MESSAGE_OF), ...PARTS].map((name) => `ccsp.${name}`)),
  );
  const message = (name: string): Schema => messages[`ccsp.${name}`] ?? {};
  const own: Readonly<Record<string, Schema>> = {
    run: RUN_EVENT,
    watch: RUN_EVENT,
    cancel: { anyOf: [ref("task.v1.Task"), ref("queue.v1.CancelTasksResponse")] },
    retry: { anyOf: [ref("task.v1.Task"), ref("queue.v1.RetryTasksResponse")] },
    "schedule delete": object({ deleted: TEXT }),
    "budget delete": object({ deleted: TEXT }),
    resume: RESUMED,
    "emergency resume": RESUMED,
    status: STATUS,
    init: object({ settings: TEXT, login: TEXT, allowedFolders: { type: "array", items: TEXT } }),
    doctor: object({
      check: TEXT,
      subject: TEXT,
      state: { enum: ["ok", "warn", "fail", "skip"] },
      detail: TEXT,
      "mend?": TEXT,
    }),
    down: object({ stopped: { type: ["integer", "null"] } }),
    logs: object({ source: TEXT, line: TEXT }),
    "folders list": object({ folder: TEXT }),
    "folders allow": object({ allowed: TEXT }),
    "folders forget": object({ forgotten: TEXT }),
    "executor list": executor(message("executor.v1.GetExecutorStatusResponse")),
    "executor runs": extended(message("executor.v1.RunStatus"), { executorId: TEXT }),
    "executor tail": object({ text: TEXT, gap: YES_NO }),
    "certs init": object({
      folder: TEXT,
      authority: TEXT,
      made: YES_NO,
      issued: { type: "array", items: object({ ...CERTIFICATE, why: TEXT }) },
    }),
    "certs issue": object(CERTIFICATE),
    "certs show": object(CERTIFICATE),
    "alert delete": object({ deleted: TEXT, builtIn: YES_NO }),
    "alert signals": object({
      metric: TEXT,
      help: TEXT,
      "labels?": { type: "object", additionalProperties: TEXT },
      "value?": { type: "number" },
      "fault?": TEXT,
    }),
    "token revoke": object({ revoked: { enum: ["token", "tokens"] }, "agent?": TEXT }),
    "token create": object({ token: TEXT, agent: TEXT, scopes: { type: "array", items: TEXT }, expireTime: TIME }),
  };
  const printed = Object.entries(MESSAGE_OF).map(([command, name]) => [command, ref(name)] as const);
  const commands = [...printed, ...Object.entries(own)].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const definitions = commands.map(([command, schema]) => [`ccsp-${command.replaceAll(" ", "-")}`, schema] as const);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "What the commands of ccsp print with -o json. docs/cli-output.md explains it. Generated by make gen.",
    $defs: { ...Object.fromEntries(definitions), error: object({ error: ERROR }), ...messages },
  };
}
