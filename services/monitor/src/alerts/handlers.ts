import { invalidFields } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { durationMs } from "@ccsp/protos/duration.js";
import type { Alerts } from "./alerts.js";
import { alertMessage, matcherOf, metricMessage, ruleOf, silenceMessage, statesOf, statusMessage } from "./messages.js";

export type AlertHandlers = Pick<
  Handlers<typeof MonitorServiceService>,
  | "putAlertRule"
  | "deleteAlertRule"
  | "listAlertRules"
  | "testAlertRule"
  | "listAlerts"
  | "silenceAlerts"
  | "listSilences"
  | "deleteSilence"
  | "listSignals"
>;

const [PAGE, MOST_PAGE] = [100, 500];

export function alertHandlers(alerts: Alerts): AlertHandlers {
  return {
    putAlertRule: async ({ rule, who }) => ({ rule: statusMessage(await alerts.putRule(ruleOf(rule), who)) }),

    deleteAlertRule: async ({ name }) => {
      const rule = await alerts.deleteRule(name);
      return { rule: rule && statusMessage(rule) };
    },

    listAlertRules: async () => ({ rules: (await alerts.listRules()).map(statusMessage) }),

    testAlertRule: async ({ name }) => ({ alert: alertMessage(await alerts.testRule(name)) }),

    listAlerts: async ({ states, rule, pageSize, pageToken }) => {
      if (pageSize < 0 || pageSize > MOST_PAGE)
        throw invalidFields([{ field: "page_size", description: `must be 0 to ${MOST_PAGE}` }]);
      if (!/^\d{0,6}$/.test(pageToken))
        throw invalidFields([{ field: "page_token", description: "is not one of this call" }]);
      const wanted = statesOf(states);
      const found = (await alerts.listAlerts()).filter(
        (each) => wanted.has(each.state) && (rule === "" || each.rule === rule),
      );
      // A list that changes between two pages may show an alert twice or skip one: it is a view of now.
      const [from, size] = [Number(pageToken), pageSize || PAGE];
      return {
        alerts: found.slice(from, from + size).map(alertMessage),
        nextPageToken: from + size < found.length ? String(from + size) : "",
      };
    },

    silenceAlerts: async ({ matchers, reason, duration, who, requestId }) => {
      const made = await alerts.silence({
        matchers: matchers.map(matcherOf),
        reason,
        durationMs: duration && durationMs(duration),
        who,
        requestId,
      });
      return { silence: silenceMessage(made.id, made.silence), alerts: made.alerts };
    },

    listSilences: async () => ({
      silences: (await alerts.listSilences()).map(({ name, value }) => silenceMessage(name, value)),
    }),

    deleteSilence: async ({ id }) => {
      const ended = await alerts.deleteSilence(id);
      return { silence: ended && silenceMessage(id, ended) };
    },

    listSignals: async ({ metric }) => ({
      metrics: (await alerts.listSignals(metric)).map(({ metric: each, reading }) => metricMessage(each, reading)),
    }),
  };
}
