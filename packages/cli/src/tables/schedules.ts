import type { Schedule } from "@ccsp/protos/ccsp/task/v1/schedule.js";
import type { Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { shortId } from "../options/task-id.js";
import type { Column } from "../output/table.js";
import { stateName } from "../output/task-words.js";
import { ageWords, zonedTime } from "../output/words.js";

/** A schedule with the newest task that it made, if the queue still has it. */
export interface ScheduleRow {
  readonly schedule: Schedule;
  readonly last: Task | undefined;
}

function lastWords({ schedule: { lastRunTime, lastTaskId, lastFault }, last }: ScheduleRow): string {
  if (lastRunTime === undefined) return "none yet";
  if (lastFault) return `made no task: ${lastFault}`;
  return `task ${shortId(lastTaskId)}${last ? ` ${stateName(last.state)}` : ""}`;
}

const nextWords = ({ schedule: { paused, nextRunTimes } }: ScheduleRow): string =>
  paused ? "paused" : nextRunTimes[0] ? zonedTime(nextRunTimes[0]) : "never";

export const SCHEDULE_COLUMNS: readonly Column<ScheduleRow>[] = [
  { header: "NAME", value: ({ schedule }) => schedule.name, min: 10 },
  { header: "TIMES", value: ({ schedule }) => schedule.cron, min: 10 },
  { header: "TIME ZONE", value: ({ schedule }) => schedule.timeZone || "UTC", min: 9, drop: 2 },
  { header: "NEXT", value: nextWords },
  { header: "LAST", value: lastWords, min: 10 },
  { header: "AGE", value: ({ schedule }) => ageWords(schedule.lastRunTime), align: "right", only: "wide" },
  { header: "PROMPT", value: ({ schedule }) => schedule.spec?.prompt ?? "", min: 12, drop: 1 },
];
