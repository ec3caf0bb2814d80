import { encodeEventData } from "@ccsp/events";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import type { LoginWindows } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { toStoredJson } from "@ccsp/protos/json.js";
import type { Emergency } from "../domain/emergency/emergency.js";
import type { Closing, Gate } from "../domain/gates/gates.js";
import { type Scope, scopeName } from "../domain/gates/scope.js";
import { labelOf } from "../domain/task/labels.js";
import type { MoveEvent } from "../domain/task/move.js";
import type { PriorityClass, Task } from "../domain/task/task.js";
import { toLevel } from "./emergency-message.js";
import { toTaskError } from "./failure.js";
import { modelOf } from "./task-message.js";
import { priorityOf } from "./words.js";

/** Data of `task.enqueued`. */
export function enqueuedData(engine: string, priority: PriorityClass): string {
  return encodeEventData({ $case: "taskEnqueued", value: { engine, priority: priorityOf(priority) } });
}

/** Data of `gate.closed`. */
export function gateClosedData(scope: Scope, { who, why, opens }: Omit<Gate, "closed">): string {
  const openTime = opens === undefined ? undefined : new Date(opens);
  return encodeEventData({ $case: "gateClosed", value: { scope: commandScope(scope), who, why, openTime } });
}

/** Data of `gate.opened`. */
export function gateOpenedData(scope: Scope, { who, why }: { who: string; why: string }): string {
  return encodeEventData({ $case: "gateOpened", value: { scope: commandScope(scope), who, why } });
}

/** Data of `emergency.stop`. */
export function emergencyStopData({ level, ...stop }: Omit<Emergency, "calledMs">): string {
  return encodeEventData({ $case: "emergencyStop", value: { ...stop, level: "", levelEnum: toLevel(level) } });
}

/** Data of `emergency.resume`. */
export function emergencyResumeData(resume: { id: string; who: string; why: string }): string {
  return encodeEventData({ $case: "emergencyResume", value: resume });
}

/** Data of `session.timeout`. */
export function sessionTimeoutData({ engine, account, executor }: NonNullable<Closing["login"]>): string {
  return encodeEventData({ $case: "sessionTimeout", value: { engine, account, executorId: executor } });
}

/** Data of `usage.windows`. */
export function windowsData(said: LoginWindows): string {
  return encodeEventData({ $case: "usageWindows", value: said });
}

/** A scope in the form that `ccsp pause` takes: a label is as the caller gave it. */
const commandScope = (scope: Scope): string =>
  scope.kind === "label" ? `label/${labelOf(scope.label).join("=")}` : scopeName(scope);

/**
 * Most bytes of labels in an event; a task may have more. A partition keeps about 100,000 events, whatever their size.
 * Names are escaped, so one character is one byte.
 */
const MOST_LABEL_BYTES = 2_048;

function firstLabels(names: readonly string[]): Readonly<Record<string, string>> {
  let room = MOST_LABEL_BYTES;
  return Object.fromEntries(names.filter((name) => (room -= name.length) >= 0).map(labelOf));
}

/**
 * Members of an event's JSON, without `engine` and `attempt`. The script that makes the move adds those two, because
 * only it knows them without a read. The text begins with a comma, or is empty. Members that `task` does not have are
 * left out.
 */
export function moveData({ type, reason, error, readyMs, facts }: MoveEvent, task: Partial<Task>): string {
  const members = JSON.stringify({
    reason,
    error: error && toStoredJson("ccsp.task.v1.TaskError", toTaskError(error)),
    readyTime: readyMs === undefined ? undefined : new Date(readyMs).toISOString(),
    account: task.account === "" ? undefined : task.account,
    priority: task.class && `PRIORITY_${Priority[priorityOf(task.class)]}`,
    labels: task.labels && firstLabels(task.labels),
    // `facts` names the model that ran, if it is known, and wins. A success names it always: to read the spec as well
    // would be a tenth of the cost of that end.
    model: type === "completed" || !task.spec ? undefined : modelOf(task.spec),
    ...facts,
  }).slice(1, -1);
  return members === "" ? "" : `,${members}`;
}
