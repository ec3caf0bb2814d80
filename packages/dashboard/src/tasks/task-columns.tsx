import { duration } from "../format.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { tasksWords } from "../i18n/tasks.js";
import { workWords } from "../i18n/work.js";
import type { Column } from "../parts/table.js";
import { Id, State, Time, taskTone } from "../parts/text.js";
import type { Task } from "../routes.js";
import { classOf, labelsOf, taskHref } from "../work/task-state.js";

/** A row has two lines at most, each cut off at the end: rows that are drawn only in view are all of one height. */
export function taskColumns(): Column<Task>[] {
  const word = workWords();
  return [
    { name: word.state, cell: StateCell },
    { name: word.task, cell: TaskCell },
    { name: word.agent, wide: true, cell: ({ agentId }) => <span class="cut">{agentId}</span> },
    { name: word.class, wide: true, cell: (task) => wordOf(stateWords().priority, classOf(task)) },
    { name: word.engine, wide: true, cell: EngineCell },
    { name: tasksWords().accepted, wide: true, cell: ({ createTime }) => (createTime ? <Time at={createTime} /> : "") },
    { name: tasksWords().took, number: true, cell: Took },
  ];
}

/** What a person knows the task by: the beginning of its prompt, or its labels. */
const nameOf = (task: Task): string => task.promptSnippet || labelsOf(task).join("  ");

export function TaskCell(task: Task) {
  const name = nameOf(task);
  return (
    <div class="task-cell">
      <a class="cut" dir="auto" href={taskHref(task.id)}>
        {name || task.id}
      </a>
      <span class="third small cut">
        <Id value={task.id} /> {task.promptSnippet && labelsOf(task).join("  ")}
      </span>
    </div>
  );
}

function StateCell({ state, error, readyTime }: Task) {
  const why = state === "FAILED" || state === "PARKED" ? error?.message : undefined;
  return (
    <div class="state-cell" title={why}>
      <State tone={taskTone(state)}>{wordOf(stateWords().task, state)}</State>
      {state === "PARKED" && readyTime ? (
        <span class="third small cut">
          → <Time at={readyTime} />
        </span>
      ) : (
        why && <span class="third small cut">{why}</span>
      )}
    </div>
  );
}

function EngineCell({ spec }: Task) {
  return (
    <div>
      <span class="cut">{spec?.engine}</span>
      <span class="third small cut">{spec?.model}</span>
    </div>
  );
}

/** How long an ended task took in all, or how long another one has been here. */
function Took({ createTime, endTime }: Task) {
  if (!createTime) return "";
  const end = endTime ? Date.parse(endTime) : Date.now();
  return duration(Math.max(end - Date.parse(createTime), 0));
}
