import { useRef } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { duration, number } from "../format.js";
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

const SHOWN = 25;
const REFRESH_MS = 5000;

interface Row {
  readonly task: Task;
  /** 0: it is not in line, because something holds it. */
  readonly position: number;
}

/** The tasks that start next, in their order, each with what blocks it and when it starts. */
export function WaitingPanel({ all }: { readonly all: number }) {
  const word = queueWords();
  const chosen = parameter("class");
  const query = { priority: chosen, pageSize: SHOWN, promptSnippets: may("prompts:read") };
  const { data, error, reload } = useAnswer("GET /queue/waiting", { query }, { everyMs: REFRESH_MS });
  const read = data?.tasks.flatMap(({ task, position }): Row[] => (task ? [{ task, position }] : []));
  const holder = useRef<HTMLDivElement>(null);
  const kept = useRef<{ readonly chosen: string | undefined; readonly rows: readonly Row[] }>({ chosen, rows: [] });
  const isRead = holder.current?.matches(":hover, :focus-within") ?? false;
  // Rows keep their place under the pointer of a person who reads.
  if (!isRead || kept.current.chosen !== chosen || kept.current.rows.length === 0)
    kept.current = { chosen, rows: read ?? [] };
  const newest = new Map(read?.map((row) => [row.task.id, row]));
  const rows = kept.current.rows.map((row) => newest.get(row.task.id) ?? row);
  const explanations = useExplanations(rows.map(({ task }) => task.id));
  useNow(rows.length > 0);
  const listed = hrefWith({ state: WAITING_STATES, class: chosen }).replace(/^\/queue/, "/tasks");
  return (
    <Panel
      title={chosen ? `${word.waiting}: ${wordOf(stateWords().priority, chosen)}` : word.waiting}
      aside={<a href={listed}>{word.allWaiting}</a>}
    >
      {error && <Failure error={error} onRetry={reload} />}
      {!data && !error && <p class="loading">{shellWords().loading}</p>}
      {data && rows.length === 0 && <Empty title={word.nobodyWaits} command='ccsp run "Say hello"' />}
      {rows.length > 0 && (
        <div ref={holder} class="waiting-table">
          <DataTable
            label={word.waiting}
            columns={columns(explanations, reload)}
            rows={rows}
            rowKey={({ task }) => task.id}
          />
        </div>
      )}
      {data?.nextPageToken && <p class="third small">{word.waitingFirst(rows.length, all)}</p>}
    </Panel>
  );
}

function columns(explanations: ReadonlyMap<string, Explanation>, reload: () => void): Column<Row>[] {
  const word = workWords();
  return [
    { name: queueWords().place, cell: ({ position }) => (position > 0 ? number(position) : "–"), number: true },
    { name: word.task, cell: ({ task }) => TaskCell(task) },
    {
      name: word.agent,
      wide: true,
      cell: ({ task: { agentId } }) => (
        <a class="cut" href={`/tasks?agent=${encodeURIComponent(agentId)}`}>
          {agentId}
        </a>
      ),
    },
    { name: word.class, wide: true, cell: ({ task }) => <PriorityChoice task={task} onChanged={reload} /> },
    {
      name: word.waited,
      wide: true,
      cell: ({ task: { createTime } }) => (createTime ? duration(Date.now() - Date.parse(createTime)) : ""),
    },
    { name: word.why, cell: ({ task: { id } }) => <Why explanation={explanations.get(id)} /> },
    {
      name: word.starts,
      cell: ({ task: { id } }) => {
        const explanation = explanations.get(id);
        return explanation && waits(explanation.state) ? <span class="nowrap">{startWords(explanation)}</span> : "";
      },
    },
    { name: "", wide: true, cell: ({ task: { id } }) => <a href={taskHref(id)}>{word.explain}</a> },
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
