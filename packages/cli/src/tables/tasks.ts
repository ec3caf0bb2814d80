import { Priority, type Task } from "@ccsp/protos/ccsp/task/v1/task.js";
import { className } from "../options/priority.js";
import { shortId } from "../options/task-id.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { labelWords, stateName } from "../output/task-words.js";
import { ageWords, zonedTime } from "../output/words.js";

const TASK: readonly Column<Task>[] = [
  { header: "ID", value: ({ id }) => shortId(id), only: "table" },
  { header: "ID", value: ({ id }) => id, only: "wide" },
  { header: "STATE", value: ({ state }) => stateName(state), colour: stateColour },
  { header: "CLASS", value: ({ spec }) => className(spec?.priority ?? Priority.NORMAL), drop: 1 },
  { header: "ENGINE", value: ({ spec }) => spec?.engine ?? "", drop: 3, min: 8 },
  { header: "MODEL", value: ({ spec }) => spec?.model ?? "", only: "wide" },
  { header: "AGE", value: ({ createTime }) => ageWords(createTime), align: "right", only: "table" },
  { header: "CREATED", value: ({ createTime }) => zonedTime(createTime), only: "wide" },
  { header: "READY", value: ({ readyTime }) => (readyTime ? zonedTime(readyTime) : ""), only: "wide" },
  { header: "ENDED", value: ({ endTime }) => (endTime ? zonedTime(endTime) : ""), only: "wide" },
  { header: "RUNS", value: ({ attempt }) => String(attempt), align: "right", drop: 4 },
  { header: "LABELS", value: (task) => labelWords(task).join(" "), min: 8, drop: 2 },
];
const AGENT: Column<Task> = { header: "AGENT", value: ({ agentId }) => agentId, min: 8 };
const ABOUT: Column<Task> = {
  header: "PROMPT",
  value: ({ promptSnippet }) => promptSnippet,
  min: 12,
  wanted: 30,
};

/** Columns of an agent's own tasks. */
export const TASK_COLUMNS: readonly Column<Task>[] = [...TASK, ABOUT];
/** Columns of the tasks of all agents, for an operator. */
export const QUEUE_TASK_COLUMNS: readonly Column<Task>[] = [...TASK, AGENT, ABOUT];
