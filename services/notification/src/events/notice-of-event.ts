import { categoryNameOf } from "@ccsp/errors";
import { EVENT_TYPES } from "@ccsp/events";
import type { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import type { TaskError } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { Notice } from "../domain/notification.js";

/** The longest text from another source in a summary, in characters. The task has the whole text. */
const MAX_TEXT = 200;

/** Returns the notice of an event for people. Returns undefined for an event that is only for programs. */
export function noticeOfEvent(event: Event): Notice | undefined {
  const summary = summaryOf(event);
  if (summary === undefined || event.data === undefined) return undefined;
  return {
    id: event.id,
    eventType: EVENT_TYPES[event.data.$case],
    eventTime: event.time ?? new Date(0),
    taskId: event.taskId,
    agentId: event.agentId,
    summary,
  };
}

/** Returns undefined for an event that is only for programs. Lint requires a case here for each new kind of event. */
function summaryOf({ taskId, agentId, data }: Event): string | undefined {
  const task = `Task ${taskId} of ${agentId}`;
  switch (data?.$case) {
    case "taskCompleted": {
      const { engine, model, costUsd, attempt } = data.value;
      const by = model === "" ? engine : `${engine} (${oneLine(model)})`;
      const cost = costUsd === undefined ? "cost unknown" : `$${costUsd.toFixed(4)}`;
      return `${task} completed by ${by}, attempt ${attempt}, ${cost}`;
    }
    case "taskFailed": {
      const { engine, attempt, error } = data.value;
      return `${task} failed on ${engine} after ${attempt} ${attempt === 1 ? "attempt" : "attempts"}: ${reasonOf(error)}`;
    }
    case "taskCancelled":
      return `${task} was cancelled${because(data.value.reason)}`;
    case "taskExpired":
      return `${task} expired: it did not start before its deadline`;
    case "gateClosed": {
      const { scope, who, why, openTime } = data.value;
      const until = openTime === undefined ? "until it is opened" : `until ${openTime.toISOString()}`;
      return `${oneLine(who)} paused ${oneLine(scope)} ${until}: ${oneLine(why)}`;
    }
    case "gateOpened": {
      const { scope, who, why } = data.value;
      return `${oneLine(who)} resumed ${oneLine(scope)}${because(why)}`;
    }
    case "sessionTimeout": {
      const { engine, account, executorId } = data.value;
      const login = account === "" ? engine : `${engine} (${oneLine(account)})`;
      return `The login of ${login} ended, found by executor ${executorId}: no task starts with it until a person logs in and resumes it`;
    }
    case "emergencyStop": {
      const { level, who, why } = data.value;
      return `EMERGENCY STOP (${level}) by ${oneLine(who)}: ${oneLine(why)}`;
    }
    case "emergencyResume":
      return `${oneLine(data.value.who)} ended the emergency stop${because(data.value.why)}`;
    case "taskEnqueued":
    case "taskStarted":
    case "taskRetried":
    case "usageRecorded":
    case "usageThreshold":
    case "alertFiring":
    case "alertResolved":
    case "sessionValid":
    case "sessionRecovered":
    case "systemHealth":
    case "adaptationDecided":
    case undefined:
      break;
  }
  return undefined;
}

/** Returns the reason after a colon. Returns an empty text if the reason is empty. */
function because(why: string): string {
  const line = oneLine(why);
  return line === "" ? "" : `: ${line}`;
}

function reasonOf(error: TaskError | undefined): string {
  if (error === undefined) return "no reason given";
  const category = categoryNameOf(error.category) ?? "UNKNOWN_ERROR";
  const message = oneLine(error.message);
  return message === "" ? category : `${category}, ${message}`;
}

/** Control characters in a text from another source must not reach a terminal or break a line. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ").trim();
  const characters = Array.from(line);
  return characters.length <= MAX_TEXT ? line : `${characters.slice(0, MAX_TEXT - 1).join("")}…`;
}
