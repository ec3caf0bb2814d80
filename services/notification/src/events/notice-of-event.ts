import { categoryNameOf } from "@ccsp/errors";
import { EVENT_TYPES, EVENT_WORDS } from "@ccsp/events";
import { type AlertFiring, type Event, LimitAction } from "@ccsp/protos/ccsp/event/v1/event.js";
import { bareNotice, type Notice, SEVERITIES } from "../domain/notice.js";
import { safeNotice } from "../text/safe-notice.js";

/** What a kind of event says besides what all events have. */
type Said = Partial<Omit<Notice, "id" | "kind" | "time" | "taskId" | "agentId">>;

/** Returns the notice of an event for people. Returns undefined for an event that is only for programs. */
export function noticeOfEvent(event: Event): Notice | undefined {
  const said = saidBy(event);
  if (said === undefined || event.data === undefined) return undefined;
  const { id, time = new Date(0), taskId, agentId, traceparent } = event;
  const kind = EVENT_TYPES[event.data.$case];
  return safeNotice(bareNotice({ id, kind, time, taskId, agentId, traceparent, ...said }));
}

/** Returns undefined for an event that is only for programs. Lint requires a case here for each new kind of event. */
function saidBy({ data }: Event): Said | undefined {
  switch (data?.$case) {
    case "taskCompleted": {
      const { engine, model, costUsd, attempt, account, labels } = data.value;
      const cost = costUsd === undefined ? "" : `$${costUsd.toFixed(4)}`;
      return { subject: { engine, account }, facts: { model, attempt: String(attempt), cost }, labels: pairs(labels) };
    }
    case "taskFailed": {
      const { engine, attempt, error, account, labels } = data.value;
      const category = error === undefined ? "" : (categoryNameOf(error.category) ?? "UNKNOWN_ERROR");
      const facts = { attempt: String(attempt), category, message: error?.message ?? "" };
      return { subject: { engine, account }, facts, labels: pairs(labels) };
    }
    case "taskCancelled": {
      const { engine, account, reason, labels } = data.value;
      return { subject: { engine, account }, facts: { why: reason }, labels: pairs(labels) };
    }
    case "taskExpired": {
      const { engine, account, labels } = data.value;
      return { subject: { engine, account }, labels: pairs(labels) };
    }
    case "gateClosed": {
      const { scope, who, why, openTime } = data.value;
      const until = openTime === undefined ? "" : openTime.toISOString();
      return { subject: { scope }, facts: { who, why, until }, dedupKey: `gate/${scope}`, endTime: openTime };
    }
    case "gateOpened": {
      const { scope, who, why } = data.value;
      return { subject: { scope }, facts: { who, why }, dedupKey: `gate/${scope}`, action: "resolves" };
    }
    case "sessionTimeout": {
      const { engine, account, executorId } = data.value;
      const subject = { engine, account, executor: executorId };
      return { ...FOR_THE_RECORD, severity: "critical", subject, labels: ["session-timeout"] };
    }
    case "sessionRecovered": {
      const { engine, account, cause } = data.value;
      return { ...FOR_THE_RECORD, subject: { engine, account }, facts: { cause }, labels: ["session-timeout"] };
    }
    case "emergencyStop": {
      const { id, level, who, why } = data.value;
      // A higher level is news.
      return { severity: "critical", facts: { level, who, why }, dedupKey: `emergency/${id}`, labels: ["emergency"] };
    }
    case "emergencyResume": {
      const { id, who, why } = data.value;
      return { facts: { who, why }, dedupKey: `emergency/${id}`, action: "resolves", labels: ["emergency"] };
    }
    case "usageThreshold": {
      const { kind, name, threshold, share, action, actionEnum, exhaustTime, periodStartTime } = data.value;
      const percent = (part: number): string => String(Math.round(part * 100));
      return {
        severity: actionEnum === LimitAction.WARN ? "warning" : "critical",
        subject: { limit: kind, name },
        facts: {
          percent: percent(share),
          threshold: percent(threshold),
          exhausted: exhaustTime?.toISOString() ?? "",
          refuses: actionEnum === LimitAction.REFUSE ? "yes" : "",
          parks: actionEnum === LimitAction.PARK ? "yes" : "",
          ...(actionEnum <= LimitAction.UNSPECIFIED && { stated_action: action }),
        },
        // Each threshold of each period is an incident of its own: one ends when its period ends.
        dedupKey: `usage/${kind}/${name}/${percent(threshold)}/${periodStartTime?.toISOString() ?? ""}/${action}`,
        endTime: data.value.periodEndTime,
        labels: ["usage", kind],
      };
    }
    case "alertFiring": {
      const { alertId, rule, labels, value, summary, whatToDo, channels, alerts, startTime } = data.value;
      const many = alerts > 1 ? String(alerts) : "";
      const { severity, stated } = severityOf(data.value);
      return {
        severity,
        subject: labels,
        facts: { rule, summary, value: String(value), since: startTime?.toISOString() ?? "", many, ...stated },
        whatToDo,
        dedupKey: `alert/${alertId}`,
        labels: ["alert", ...pairs(labels)],
        ...(channels.length > 0 && { channels }),
      };
    }
    case "alertResolved": {
      const { alertId, rule, labels, summary, channels } = data.value;
      const { severity, stated } = severityOf(data.value);
      return {
        severity,
        subject: labels,
        facts: { rule, summary, ...stated },
        dedupKey: `alert/${alertId}`,
        action: "resolves",
        labels: ["alert", ...pairs(labels)],
        ...(channels.length > 0 && { channels }),
      };
    }
    case "taskEnqueued":
    case "taskStarted":
    case "taskRetried":
    case "usageRecorded":
    case "sessionValid":
    case "systemHealth":
    case "adaptationDecided":
    case "usageWindows":
    case undefined:
      break;
  }
  return undefined;
}

/** The monitor notifies people of a lost login itself, by Notify, so these events only go to the file. */
const FOR_THE_RECORD: Said = { channels: [] };

/**
 * A severity that this version does not know may be worse than all that it knows, so it counts as critical. The notice
 * shows the word beside it.
 */
function severityOf({ severity: word, severityEnum }: Pick<AlertFiring, "severity" | "severityEnum">) {
  const severity = SEVERITIES.find((each) => EVENT_WORDS.severity[each] === severityEnum);
  return { severity: severity ?? "critical", stated: severity === undefined && { stated_severity: word } };
}

const pairs = (labels: Readonly<Record<string, string>>): string[] =>
  Object.entries(labels).map(([name, value]) => `${name}=${value}`);
