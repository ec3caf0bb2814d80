import type { Client } from "@ccsp/grpc-kit";
import { effectiveScopes } from "@ccsp/identity";
import { OperatorServiceService as Rpcs } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import type { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { ExportDetail } from "@ccsp/protos/ccsp/usage/v1/usage.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { type AdmittedCall, within } from "../application/call.js";
import type { Guard } from "../application/guard.js";
import { checkTimes } from "../application/times.js";
import { type ExecutorOperationOptions, executorOperations, PROBE_MS } from "./executor-operations.js";
import { type KeysOperationOptions, keysOperations } from "./keys-operations.js";
import { type QueueOperationOptions, queueOperations } from "./queue-operations.js";

export interface OperatorOperationOptions
  extends QueueOperationOptions,
    ExecutorOperationOptions,
    KeysOperationOptions {
  readonly monitor: Client<MonitorServiceService>;
  readonly notification: Client<NotificationServiceService>;
}

/**
 * What the gateway offers to operators. Where a service behind it has the call, the gateway passes it on and changes
 * only who calls and what the answer may show.
 */
export function createOperatorOperations(options: OperatorOperationOptions) {
  return {
    ...queueOperations(options),
    ...executorOperations(options),
    ...keysOperations(options),
    ...reports(options),
    ...budgets(options),
    ...fleet(options),
    ...sessions(options),
    ...alertsOf(options),
    ...notifications(options),
    ...questionsAboutOneself(options),
  };
}

/** A service that is away must not make people wait, and they learn which one it is before their own deadline. */
const REPORT_MS = 3_000;

/** For what the monitor has to ask other services: it names the one that does not answer. */
const ASKING_MS = 15_000;

const asking = (call: AdmittedCall) => ({ ...within(call), timeoutMs: ASKING_MS });
const soon = (call: AdmittedCall) => ({ ...within(call), timeoutMs: REPORT_MS });

function reports({ guard, monitor }: OperatorOperationOptions) {
  return {
    getUsage: guard.unary(Rpcs.getUsage, async (request, call) => {
      checkTimes({ start_time: request.startTime, end_time: request.endTime });
      return monitor.getUsage(request, soon(call));
    }),

    getAgentStats: guard.unary(Rpcs.getAgentStats, (request, call) => monitor.getAgentStats(request, soon(call))),

    getAdaptation: guard.unary(Rpcs.getAdaptation, (request, call) => monitor.getAdaptation(request, soon(call))),

    getTimeSeries: guard.unary(Rpcs.getTimeSeries, async (request, call) => {
      checkTimes({ start_time: request.startTime, end_time: request.endTime });
      return monitor.getTimeSeries(request, soon(call));
    }),

    exportUsage: guard.stream(Rpcs.exportUsage, async function* (request, call) {
      checkTimes({ start_time: request.startTime, end_time: request.endTime });
      // A monitor of an earlier release does not know the detail. It refuses this step, and would else answer with sums.
      const step = request.step ?? (request.detail === ExportDetail.ATTEMPTS ? toDuration(0) : undefined);
      yield* monitor.exportUsage({ ...request, step }, within(call));
    }),

    recordUsage: guard.unary(Rpcs.recordUsage, async (request, call) => {
      const times = request.records.map(({ endTime }, at) => [`records[${at}].end_time`, endTime] as const);
      checkTimes({ end_time: request.endTime, ...Object.fromEntries(times) });
      return monitor.recordUsage(request, soon(call));
    }),

    getForecast: guard.unary(Rpcs.getForecast, (request, call) => monitor.getForecast(request, soon(call))),

    listUsageWindows: guard.unary(Rpcs.listUsageWindows, (request, call) =>
      monitor.listUsageWindows(request, soon(call)),
    ),
  };
}

/** Budgets. Every change carries the proven name of its caller. */
function budgets({ guard, monitor }: OperatorOperationOptions) {
  return {
    putBudget: guard.unary(Rpcs.putBudget, async (request, call) => {
      checkTimes({ "budget.change_time": request.budget?.changeTime });
      return monitor.putBudget({ ...request, who: call.subject }, soon(call));
    }),

    deleteBudget: guard.unary(Rpcs.deleteBudget, (request, call) => monitor.deleteBudget(request, soon(call))),

    listBudgets: guard.unary(Rpcs.listBudgets, (request, call) => monitor.listBudgets(request, soon(call))),
  };
}

/** Sessions. A confirmation carries the proven name of its caller. */
function sessions({ guard, monitor }: OperatorOperationOptions) {
  return {
    listSessions: guard.unary(Rpcs.listSessions, (request, call) => monitor.listSessions(request, soon(call))),

    confirmSession: guard.unary(Rpcs.confirmSession, (request, call) =>
      monitor.confirmSession({ ...request, who: call.subject }, within(call, PROBE_MS)),
    ),

    checkSession: guard.unary(Rpcs.checkSession, (request, call) =>
      monitor.checkSession(request, within(call, PROBE_MS)),
    ),
  };
}

/** The instances of all services, and how well the objectives are kept. */
function fleet({ guard, monitor }: OperatorOperationOptions) {
  return {
    getGlobalMetrics: guard.unary(Rpcs.getGlobalMetrics, (request, call) =>
      monitor.getGlobalMetrics(request, soon(call)),
    ),

    watchMetrics: guard.stream(Rpcs.watchMetrics, (request, call) => monitor.watchMetrics(request, within(call))),

    getSlos: guard.unary(Rpcs.getSlos, (request, call) => monitor.getSlos(request, soon(call))),
  };
}

/** A test of a channel waits for the channel's answer, at most 15 s. */
const TEST_MS = 20_000;

function notifications({ guard, notification }: OperatorOperationOptions) {
  return {
    listNotifications: guard.unary(Rpcs.listNotifications, (request, call) =>
      notification.listNotifications(request, soon(call)),
    ),

    getNotification: guard.unary(Rpcs.getNotification, (request, call) =>
      notification.getNotification(request, soon(call)),
    ),

    retryNotification: guard.unary(Rpcs.retryNotification, (request, call) =>
      notification.retryNotification(request, soon(call)),
    ),

    listChannels: guard.unary(Rpcs.listChannels, (request, call) => notification.listChannels(request, soon(call))),

    testChannel: guard.unary(Rpcs.testChannel, (request, call) =>
      notification.testChannel({ ...request, who: call.identity.subject }, { ...within(call), timeoutMs: TEST_MS }),
    ),

    previewNotification: guard.unary(Rpcs.previewNotification, async (request, call) => {
      checkTimes({ "notice.time": request.notice?.time, time: request.time });
      return notification.previewNotification(request, soon(call));
    }),
  };
}

/** Rules of alerts, alerts and silences. Every change carries the proven name of its caller. */
function alertsOf({ guard, monitor }: OperatorOperationOptions) {
  return {
    putAlertRule: guard.unary(Rpcs.putAlertRule, (request, call) =>
      monitor.putAlertRule({ ...request, who: call.subject }, soon(call)),
    ),

    deleteAlertRule: guard.unary(Rpcs.deleteAlertRule, (request, call) => monitor.deleteAlertRule(request, soon(call))),

    listAlertRules: guard.unary(Rpcs.listAlertRules, (request, call) => monitor.listAlertRules(request, asking(call))),

    testAlertRule: guard.unary(Rpcs.testAlertRule, (request, call) => monitor.testAlertRule(request, soon(call))),

    listAlerts: guard.unary(Rpcs.listAlerts, (request, call) => monitor.listAlerts(request, soon(call))),

    silenceAlerts: guard.unary(Rpcs.silenceAlerts, (request, call) =>
      monitor.silenceAlerts({ ...request, who: call.subject }, soon(call)),
    ),

    listSilences: guard.unary(Rpcs.listSilences, (request, call) => monitor.listSilences(request, soon(call))),

    deleteSilence: guard.unary(Rpcs.deleteSilence, (request, call) => monitor.deleteSilence(request, soon(call))),

    listSignals: guard.unary(Rpcs.listSignals, (request, call) => monitor.listSignals(request, asking(call))),
  };
}

function questionsAboutOneself({ guard }: { readonly guard: Guard }) {
  return {
    whoAmI: guard.unary(Rpcs.whoAmI, async (_request, { identity }) => {
      const { subject, scopes, proof, expireTime } = identity;
      return { subject, scopes: effectiveScopes(scopes), proof, expireTime };
    }),
  };
}
