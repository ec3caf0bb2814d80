import { Refusal } from "@ccsp/errors";
import { implementSome } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { GetExecutorStatusResponse, ProbeResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { ApiKey, OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { AdaptationMode, GetAdaptationResponse } from "@ccsp/protos/ccsp/monitor/v1/adaptation.js";
import {
  Alert,
  AlertCondition,
  AlertRuleStatus,
  AlertSeverity,
  AlertState,
  ListSignalsResponse,
  Silence,
} from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { GetGlobalMetricsResponse } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { GetTimeSeriesResponse, GetUsageResponse } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { Session, SessionState } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import { GetSlosResponse } from "@ccsp/protos/ccsp/monitor/v1/slo.js";
import { Exhaustion, ShareSource, UsageWindow } from "@ccsp/protos/ccsp/monitor/v1/windows.js";
import {
  Channel,
  GetNotificationResponse,
  ListNotificationsResponse,
  PreviewNotificationResponse,
  TestChannelResponse,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { ExplainTaskResponse } from "@ccsp/protos/ccsp/queue/v1/explanation.js";
import { Gate } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { Limit } from "@ccsp/protos/ccsp/queue/v1/limit.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { ErrorCategory, Priority, Task, TaskEvent, TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { BudgetAction, BudgetPeriod, BudgetStanding, BudgetUnit } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { Forecast, ForecastState, Trend } from "@ccsp/protos/ccsp/usage/v1/forecast.js";
import { ExportDetail, ExportFormat } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { toDuration } from "@ccsp/protos/duration.js";

const MINUTE_AGO = new Date("2026-01-31T08:59:00Z");

export const FAILED_TASK = Task.fromPartial({
  id: "0-01k7h8zq3v5c9m2n4p6r8s0t1w",
  agentId: "alice",
  state: TaskState.FAILED,
  attempt: 3,
  createTime: MINUTE_AGO,
  spec: { engine: "claude-code", priority: Priority.LOW, labels: { team: "docs" } },
  error: { category: ErrorCategory.OVERLOADED, message: "529", retryable: true },
});

const ADAPTATION = GetAdaptationResponse.fromPartial({
  mode: AdaptationMode.ON,
  adapted: [
    {
      subject: "account/claude-code/team",
      inForce: { what: "gate", before: 0, after: 1, reason: "near", time: new Date() },
      decisions: [
        { what: "gate", before: 0, after: 1, reason: "near", time: new Date() },
        { what: "rate", after: 65 / 9, reason: "slower: 50 % of the window is used", time: new Date() },
      ],
    },
  ],
});
const LIMIT = Limit.fromPartial({
  name: "rate/agent/nightly",
  value: { value: { $case: "rate", value: { startsPerMinute: 10 } } },
  defaultValue: { value: { $case: "rate", value: {} } },
  source: { who: "ada", why: "flood", setTime: new Date() },
});
const GATE = Gate.fromPartial({
  scope: { scope: { $case: "engine", value: "claude-code" } },
  who: "ada",
  why: "maintenance",
  closeTime: MINUTE_AGO,
});

const STATUS = GetStatusResponse.fromPartial({
  leased: 1n,
  ended: 2n ** 60n,
  engines: ["claude-code"],
  depths: [{ engine: "claude-code", priority: Priority.NORMAL, waiting: 2n, oldestAge: { seconds: 125n, nanos: 0 } }],
  gates: [GATE],
  agents: [{ agentId: "alice", waiting: 2n, paused: true }],
  executors: [{ executorId: "executor-1", leases: 1, engines: [{ engine: "claude-code", freeSlots: 1, slots: 2 }] }],
  emergency: { id: "e", level: EmergencyLevel.NO_START, who: "ada", why: "leak", receipts: [{ executorId: "x" }] },
});

const METRICS = GetGlobalMetricsResponse.fromPartial({
  instances: [
    {
      report: {
        service: "executor",
        instance: "executor-1",
        version: "0.3.0",
        uptime: toDuration(3_600_000),
        resources: { processCpus: 0.25, memoryBytes: 104_857_600n },
        executor: { executorId: "executor-1", engines: [{ engine: "claude-code", slots: 2, running: 1 }] },
      },
      health: "late",
      why: "no heartbeat for 45 s",
    },
  ],
  services: [{ service: "executor", instances: 1, notOk: 1, versions: ["0.3.0"] }],
  activeRuns: 0,
  slots: 0,
  queue: { waiting: 2n },
});

const EXECUTOR = GetExecutorStatusResponse.fromPartial({
  executorId: "executor-1",
  engines: [
    { engine: "claude-code", version: "2.1.0", slots: 2, running: 1, account: "team" },
    { engine: "opencode", slots: 1 },
  ],
  runs: [{ taskId: FAILED_TASK.id, engine: "claude-code", pid: 42, startTime: MINUTE_AGO }],
  sandbox: { confined: false, reason: "there is no bwrap" },
});

const RULE = AlertRuleStatus.fromPartial({
  rule: {
    name: "parked-events",
    metric: "parked_events",
    condition: AlertCondition.GREATER,
    fireAfter: { seconds: 120n, nanos: 0 },
    keepFiringFor: { seconds: 300n, nanos: 0 },
    severity: AlertSeverity.WARNING,
    summary: "{value} events of {group} are parked",
  },
  builtIn: true,
  firing: 1,
});
const ALERT = {
  id: "parked-events/1/2",
  rule: "parked-events",
  severity: AlertSeverity.WARNING,
  state: AlertState.FIRING,
  labels: { group: "monitor" },
  value: 2,
  summary: "2 events of monitor are parked",
};
const SILENCE = Silence.fromPartial({
  id: "4f2c9a1b03de",
  matchers: [{ label: "rule", value: "parked-events" }],
  reason: "we know",
  who: "ada",
  endTime: new Date("2030-01-01T00:00:00Z"),
});
const LOST_SESSION = Session.fromPartial({
  account: { engine: "claude-code", account: "team" },
  state: SessionState.WAITING,
  stateTime: MINUTE_AGO,
  validTime: MINUTE_AGO,
  proof: "run",
  checkError: "Please run /login",
  executors: 1,
  failures: 3,
  outage: { outageId: "o", lostTime: MINUTE_AGO, issueUrl: "https://issues.example/7" },
});
const VALID_SESSION = Session.fromPartial({
  account: { engine: "opencode" },
  state: SessionState.VALID,
  stateTime: MINUTE_AGO,
  executors: 1,
});

const KEY = ApiKey.fromPartial({
  id: "4fTz0aBcDeFg",
  name: "nightly",
  subject: "ci",
  scopes: [...ROLES.agent],
  createdBy: "ada",
  createTime: MINUTE_AGO,
});
const BUDGET = BudgetStanding.fromPartial({
  budget: {
    name: "ci-day",
    holder: { holder: { $case: "agentId", value: "ci" } },
    unit: BudgetUnit.USD,
    limit: 20,
    period: BudgetPeriod.DAY,
    timeZone: "UTC",
    action: BudgetAction.REFUSE,
    warnShares: [0.8, 0.95],
    who: "ada",
    changeTime: MINUTE_AGO,
  },
  used: 19.5,
  share: 0.975,
  periodStartTime: MINUTE_AGO,
  periodEndTime: MINUTE_AGO,
  runs: 12n,
  unknownRuns: 1n,
});
const BEARER = `ccsp_${KEY.id}_secret`;

/**
 * A fake of what operators call at the gateway, with one task, one gate, one run and an executor that is gone. For a key
 * of the name `lost`, `onLost` is called before the answer, and its repeat is refused.
 */
export function fakeOperatorService(onLost: () => void = () => {}) {
  let lost = false;
  const find = (taskId: string): { task: Task } => {
    if (taskId !== FAILED_TASK.id) throw new Refusal("TASK_NOT_FOUND", "no such task");
    return { task: FAILED_TASK };
  };
  return implementSome(OperatorServiceService, {
    getStatus: async () => STATUS,
    listTasks: async ({ states }) => ({
      tasks: states.length === 0 || states.includes(FAILED_TASK.state) ? [FAILED_TASK] : [],
      nextPageToken: "",
    }),
    getTask: async ({ taskId }) => find(taskId),
    cancelTask: async ({ taskId }) => find(taskId),
    retryTask: async ({ taskId }) => find(taskId),
    setPriority: async ({ taskId }) => find(taskId),
    explainTask: async () =>
      ExplainTaskResponse.fromPartial({
        state: TaskState.QUEUED,
        aheadInClass: 0n,
        blockers: [{ kind: BlockerKind.GATE, message: "paused" }],
      }),
    async *watchTask() {
      yield { event: TaskEvent.fromPartial({ sequence: 1, event: { $case: "toolUse", value: { name: "Bash" } } }) };
      const value = { state: TaskState.FAILED, error: { message: "529" } };
      yield { event: TaskEvent.fromPartial({ sequence: 2, event: { $case: "taskEnded", value } }) };
    },
    cancelTasks: async () => ({ matched: 1n, cancelled: 0n }),
    retryTasks: async () => ({ matched: 1n, retried: 1n }),
    pauseQueue: async () => ({ gate: GATE }),
    resumeQueue: async () => ({ resumed: true }),
    getAdaptation: async () => ADAPTATION,
    getLimits: async () => ({ limits: [LIMIT], range: undefined }),
    setLimits: async () => ({ limits: [LIMIT] }),
    clearQueue: async () => ({ tasks: 1n, confirmationToken: "t", agents: [{ agentId: "alice", tasks: 1n }] }),
    emergencyStop: async () => ({ status: STATUS.emergency, confirmed: true }),
    listExecutors: async () => ({
      executors: [
        { executorId: "executor-1", address: "127.0.0.1:3002", status: EXECUTOR, error: "" },
        { executorId: "executor-2", address: "127.0.0.1:3012", status: undefined, error: "connect ECONNREFUSED" },
      ],
    }),
    async *tailRun() {
      yield { text: "hello", gap: false };
    },
    setDraining: async () => ({ running: 1 }),
    setConcurrency: async () => ({ engine: EXECUTOR.engines[0] }),
    probe: async () => ProbeResponse.fromPartial({ ok: true, firstText: { seconds: 1n, nanos: 0 }, model: "m" }),
    listSessions: async () => ({ sessions: [LOST_SESSION, VALID_SESSION] }),
    confirmSession: async () => ({ session: LOST_SESSION, checked: true }),
    checkSession: async () => ({ session: VALID_SESSION, checked: true }),
    // As a monitor of 0.3.0 does it, for one zone.
    getUsage: async ({ timeZone: asked }) =>
      GetUsageResponse.fromPartial({
        timeZone: asked === "Europe/Berlin" ? "" : asked,
        rows: [{ agentId: "alice", runs: 1n, costUsd: 0.25 }],
      }),
    getAgentStats: async () => ({ agents: [] }),
    getTimeSeries: async ({ startTime, step }) =>
      GetTimeSeriesResponse.fromPartial({
        series: [{ sum: { agentId: "alice" }, points: [{ time: startTime, usage: { runs: 1n } }] }],
        startTime,
        step,
        steps: 25,
      }),
    async *exportUsage({ format, detail, step }) {
      if (detail === ExportDetail.ATTEMPTS) yield { lines: `end_time,agent,step ${step?.seconds}\r\n` };
      yield { lines: format === ExportFormat.CSV ? "start_time,agent\r\n" : "" };
      yield { lines: format === ExportFormat.CSV ? "2026-01-01T00:00:00.000Z,alice\r\n" : '{"agent":"alice"}\n' };
    },
    putBudget: async () => ({ standing: BUDGET }),
    listBudgets: async () => ({ budgets: [BUDGET] }),
    deleteBudget: async () => ({}),
    recordUsage: async () => ({ counted: true, states: [] }),
    listUsageWindows: async () => ({
      windows: [
        UsageWindow.fromPartial({
          ...{ engine: "claude-code", account: "team", name: "five_hour", state: WindowState.WARNING, runs: 3n },
          ...{ usedShare: 0.93, shareSource: ShareSource.ENGINE, exhaustion: Exhaustion.LASTS },
        }),
        UsageWindow.fromPartial({
          ...{ engine: "opencode", name: "usage", usedShare: 0.305, shareSource: ShareSource.ESTIMATE },
          exhaustReason: "it is not known when the window turns",
        }),
      ],
    }),
    getForecast: async ({ metric, filter, horizon }) => ({
      forecast: Forecast.fromPartial(
        filter?.agentId === "new"
          ? { state: ForecastState.TOO_LITTLE_DATA, metric, horizon, reason: "there is usage of 5 minutes" }
          : {
              ...{ state: ForecastState.KNOWN, metric, horizon, expected: 1_200, low: 600, high: 2_400 },
              ...{ bandShare: 0.8, ratePerHour: 1_200, trend: Trend.STABLE, confidence: 0.7, model: "daily" },
              errors: [
                { model: "daily", horizon, comparisons: 288, meanError: 360, relativeError: 0.3, scaledError: 0.5 },
              ],
              ...{ past: [0, 100, 200], steps: [{ expected: 100, low: 50, high: 200 }], runs: 9n, runsUnknown: 2n },
            },
      ),
    }),
    getGlobalMetrics: async () => METRICS,
    async *watchMetrics() {
      yield { metrics: METRICS };
    },
    getSlos: async () =>
      GetSlosResponse.fromPartial({
        slos: [
          {
            name: "availability",
            objective: 0.999,
            goodShare: 0.9995,
            total: 10_000n,
            bad: 5n,
            budgetLeft: 0.5,
            burnRates: [{ window: toDuration(300_000), rate: 15, total: 100n }],
            burn: "fast",
          },
        ],
      }),
    listAlerts: async ({ pageToken }) => ({
      alerts: [Alert.fromPartial({ ...ALERT, ...(pageToken !== "" && { state: AlertState.PENDING }) })],
      nextPageToken: pageToken === "" ? "1" : "",
    }),
    listAlertRules: async () => ({ rules: [RULE] }),
    putAlertRule: async ({ rule }) => ({ rule: { ...RULE, rule, stored: true, changedBy: "ada" } }),
    deleteAlertRule: async () => ({ rule: RULE }),
    testAlertRule: async () => ({ alert: Alert.fromPartial(ALERT) }),
    silenceAlerts: async () => ({ silence: SILENCE, alerts: 1 }),
    listSilences: async () => ({ silences: [SILENCE] }),
    async deleteSilence({ id }) {
      if (id !== SILENCE.id) throw new Refusal("SILENCE_NOT_FOUND", `there is no silence ${id}, or it has ended`);
      return { silence: SILENCE };
    },
    listSignals: async () =>
      ListSignalsResponse.fromPartial({
        metrics: [
          { name: "disk_free_share", help: "h", labels: ["service"], fault: "no heartbeat" },
          { name: "parked_events", help: "h", values: [{ labels: { group: "monitor" }, value: 2 }], count: 1 },
        ],
      }),
    listNotifications: async () =>
      ListNotificationsResponse.fromPartial({ notifications: [{ summary: "all is well" }] }),
    getNotification: async ({ id }) =>
      GetNotificationResponse.fromPartial({ id, summary: "all is well", notice: { kind: "task.completed" } }),
    retryNotification: async () => ({ retried: 1 }),
    listChannels: async () => ({ channels: [Channel.fromPartial({ name: "file", type: "file", target: "/n.jsonl" })] }),
    testChannel: async () => TestChannelResponse.fromPartial({ accepted: true }),
    previewNotification: async () =>
      PreviewNotificationResponse.fromPartial({ previews: [{ channel: "file", title: "all is well" }] }),
    async createKey({ subject, name, scopes }) {
      if (name === "lost" && lost) throw new Refusal("OVERLOADED", "too much", { retryAfterMs: 90_000 });
      lost = name === "lost";
      if (lost) onLost();
      return { key: { ...KEY, subject, name, scopes }, bearer: BEARER };
    },
    async listKeys({ pageToken }) {
      const spent = { ...KEY, id: "0123456789AB", expireTime: MINUTE_AGO, lastUsedTime: MINUTE_AGO };
      return pageToken === "" ? { keys: [KEY], nextPageToken: "more" } : { keys: [spent], nextPageToken: "" };
    },
    async rotateKey({ id }) {
      if (id !== KEY.id) throw new Refusal("KEY_NOT_FOUND", "there is no such API key, or it no longer works");
      return { key: { ...KEY, rotateTime: MINUTE_AGO }, bearer: BEARER };
    },
    revokeKey: async () => ({ key: { ...KEY, revokeTime: MINUTE_AGO } }),
    async revokeTokens({ tokens }) {
      if (tokens?.value === "") throw new Refusal("INVALID_FIELD", "names nothing");
      return {};
    },
    whoAmI: async () => ({
      subject: "alice",
      scopes: ["tasks:read-all", "monitor:read"],
      proof: "token",
      expireTime: new Date("2030-01-01T00:00:00Z"),
    }),
  });
}
