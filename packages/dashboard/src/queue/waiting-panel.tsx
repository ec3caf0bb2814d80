import { useRef } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { duration } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { shellWords } from "../i18n/shell.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { workWords } from "../i18n/work.js";
import { Failure } from "../parts/failure.js";
import { Empty, Panel } from "../parts/layout.js";
import { type Column, DataTable } from "../parts/table.js";
import { State, taskTone } from "../parts/text.js";
import { hrefWith, parameter } from "../router.js";
import type { Task } from "../routes.js";
import { may } from "../session.js";
import { TaskCell } from "../tasks/task-columns.js";
import { BlockerWords, type Explanation, startWords } from "../work/explanation.js";
import { useNow } from "../work/now.js";
import { PriorityChoice } from "../work/priority.js";
import { taskHref, WAITING_STATES, waits } from "../work/task-state.js";
import { useExplanations } from "./explanations.js";

const READ = 200;
const SHOWN = 25;
const REFRESH_MS = 5000;

/** The tasks that wait longest, each with what blocks it and when it starts. */
export function WaitingPanel({ all }: { readonly all: number }) {
  const word = queueWords();
  const chosen = parameter("class");
  const query = {
    states: WAITING_STATES,
    "filter.priorities": chosen,
    pageSize: READ,
    promptSnippets: may("prompts:read"),
  };
  const { data, error, reload } = useAnswer("GET /tasks", { query }, { everyMs: REFRESH_MS });
  const holder = useRef<HTMLDivElement>(null);
  const kept = useRef<{ readonly chosen: string | undefined; readonly tasks: readonly Task[] }>({ chosen, tasks: [] });
  const isRead = holder.current?.matches(":hover, :focus-within") ?? false;
  // Rows keep their place under the pointer of a person who reads.
  if (!isRead || kept.current.chosen !== chosen || kept.current.tasks.length === 0) {
    kept.current = { chosen, tasks: [...(data?.tasks ?? [])].sort(byAge).slice(0, SHOWN) };
  }
  const newest = new Map(data?.tasks.map((task) => [task.id, task]));
  const tasks = kept.current.tasks.map((task) => newest.get(task.id) ?? task);
  const explanations = useExplanations(tasks.map(({ id }) => id));
  useNow(tasks.length > 0);
  const listed = hrefWith({ state: WAITING_STATES, class: chosen }).replace(/^\/queue/, "/tasks");
  return (
    <Panel
      title={chosen ? `${word.waiting}: ${wordOf(stateWords().priority, chosen)}` : word.waiting}
      aside={<a href={listed}>{word.allWaiting}</a>}
    >
      {error && <Failure error={error} onRetry={reload} />}
      {!data && !error && <p class="loading">{shellWords().loading}</p>}
      {data && tasks.length === 0 && <Empty title={word.nobodyWaits} command='ccsp run "Say hello"' />}
      {tasks.length > 0 && (
        <div ref={holder} class="waiting-table">
          <DataTable
            label={word.waiting}
            columns={columns(explanations, reload)}
            rows={tasks}
            rowKey={({ id }) => id}
          />
        </div>
      )}
      {data?.nextPageToken && <p class="third small">{word.waitingNewest(data.tasks.length, all)}</p>}
    </Panel>
  );
}

const byAge = (a: Task, b: Task): number => Date.parse(a.createTime ?? "") - Date.parse(b.createTime ?? "");

function columns(explanations: ReadonlyMap<string, Explanation>, reload: () => void): Column<Task>[] {
  const word = workWords();
  return [
    { name: word.task, cell: TaskCell },
    {
      name: word.agent,
      wide: true,
      cell: ({ agentId }) => (
        <a class="cut" href={`/tasks?agent=${encodeURIComponent(agentId)}`}>
          {agentId}
        </a>
      ),
    },
    { name: word.class, wide: true, cell: (task) => <PriorityChoice task={task} onChanged={reload} /> },
    {
      name: word.waited,
      wide: true,
      cell: ({ createTime }) => (createTime ? duration(Date.now() - Date.parse(createTime)) : ""),
    },
    { name: word.why, cell: ({ id }) => <Why explanation={explanations.get(id)} /> },
    {
      name: word.starts,
      cell: ({ id }) => {
        const explanation = explanations.get(id);
        return explanation && waits(explanation.state) ? <span class="nowrap">{startWords(explanation)}</span> : "";
      },
    },
    { name: "", wide: true, cell: ({ id }) => <a href={taskHref(id)}>{word.explain}</a> },
  ];
}

function Why({ explanation }: { readonly explanation: Explanation | undefined }) {
  const word = workWords();
  if (!explanation) return <span class="third">{word.asking}</span>;
  const { state, blockers } = explanation;
  if (!waits(state)) return <State tone={taskTone(state)}>{wordOf(stateWords().task, state)}</State>;
  const [first] = blockers;
  return first ? <BlockerWords blocker={first} /> : <State tone="waits">{word.next}</State>;
}
