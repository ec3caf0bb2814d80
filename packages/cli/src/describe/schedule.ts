import { MissedRuns, type Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { stateName } from "../output/task-words.js";
import { zonedTime } from "../output/words.js";

/** The same choices as in `--missed`. */
const MISSED: Readonly<Record<number, string>> = {
  [MissedRuns.RUN_ONCE]: ", one run for all that were missed",
  [MissedRuns.RUN_ALL]: ", a run for each that was missed",
};

/** A schedule for people. `last` is the newest task that the schedule made, if the queue still has it. */
export function scheduleLines(schedule: Schedule, last?: Task): string[] {
  const { name, cron, timeZone, missedRuns, paused, nextRunTimes } = schedule;
  const next = nextRunTimes.map(zonedTime).join(", ");
  return [
    `${name}  ${cron}  ${timeZone}${MISSED[missedRuns] ?? ""}`,
    `  next  ${paused ? "paused" : next || "never"}`,
    `  last  ${lastWords(schedule, last)}`,
  ];
}

function lastWords({ lastRunTime, lastTaskId, lastFault }: Schedule, last: Task | undefined): string {
  if (lastRunTime === undefined) return "none yet";
  const time = zonedTime(lastRunTime);
  if (lastFault) return `${time}, made no task: ${lastFault}`;
  const outcome = last ? ` ${stateName(last.state)}${last.error ? `: ${last.error.message}` : ""}` : "";
  return `${time}, task ${lastTaskId}${outcome}`;
}
