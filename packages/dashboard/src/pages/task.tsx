import { useEffect, useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { comma, duration } from "../format.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { taskWords } from "../i18n/task.js";
import type { PageParameters } from "../pages.js";
import { titleWithout } from "../parts/awaited.js";
import { Failure } from "../parts/failure.js";
import { PageHead, Panel } from "../parts/layout.js";
import { Id, State, taskTone } from "../parts/text.js";
import type { Task } from "../routes.js";
import { may } from "../session.js";
import { snapshot } from "../store.js";
import { TaskActs } from "../task/acts.js";
import { AnswerPanel } from "../task/answer-panel.js";
import { CostPanel, costOf } from "../task/cost-panel.js";
import { type LogEntry, useTaskLog } from "../task/log.js";
import { LogList } from "../task/log-list.js";
import { SpanList } from "../task/span-list.js";
import { attemptsOf, messagesOf, type Story, storyOf } from "../task/story.js";
import { TraceLink } from "../task/trace-link.js";
import { Waterfall } from "../task/waterfall.js";
import { blockedWords, ExplanationText, useExplanation } from "../work/explanation.js";
import { useNow } from "../work/now.js";
import { PriorityChoice } from "../work/priority.js";
import { hasEnded, waits } from "../work/task-state.js";

/** One task: what happened to it, its answer as it comes, its cost, and why it waits. */
export default function TaskPage({ parameters }: { readonly parameters: PageParameters }) {
  const taskId = parameters["taskId"] ?? "";
  const { data, error, reload } = useAnswer("GET /tasks/{taskId}", { path: { taskId } });
  const [acts, setActs] = useState(0);
  const entries = useTaskLog(taskId, acts);
  const changes = entries.filter(({ stateChanged, taskEnded }) => stateChanged || taskEnded).length;
  useEffect(() => {
    if (changes > 0) reload();
  }, [changes]);
  const changed = () => {
    reload();
    setActs(acts + 1);
  };
  const task = data?.task;
  if (!task) {
    return (
      <>
        <PageHead title={titleWithout("task", error)} />
        {error && <Failure error={error} onRetry={reload} />}
      </>
    );
  }
  return <TaskView task={task} entries={entries} onChanged={changed} />;
}

interface Shown {
  readonly task: Task;
  readonly entries: readonly LogEntry[];
  readonly story: Story;
  readonly now: number;
}

function TaskView({
  task,
  entries,
  onChanged,
}: {
  readonly task: Task;
  readonly entries: readonly LogEntry[];
  readonly onChanged: () => void;
}) {
  const now = useNow(!hasEnded(task.state));
  const story = storyOf(task.createTime, entries);
  const shown = { task, entries, story, now };
  return (
    <>
      <PageHead
        title={titleOf(task)}
        lead={<Lead task={task} story={story} now={now} onChanged={onChanged} />}
        acts={<TaskActs task={task} cost={costOf(task, attemptsOf(story)).known} onChanged={onChanged} />}
      />
      {waits(task.state) ? <Waiting {...shown} /> : <Happened {...shown} />}
      <div class="panels task">
        <AnswerPanel task={task} messages={messagesOf(entries)} />
        <CostPanel task={task} story={story} now={now} />
      </div>
    </>
  );
}

function Waiting(shown: Shown) {
  const { data } = useExplanation(shown.task.id);
  return (
    <>
      {data && (
        <Panel title={taskWords().waits} {...(data.blockers.length > 0 && { tone: "held" as const })}>
          <ExplanationText explanation={data} />
        </Panel>
      )}
      <Happened {...shown} blocked={data && blockedWords(data)} />
    </>
  );
}

function Happened({ task, entries, story, now, blocked }: Shown & { readonly blocked?: string | undefined }) {
  return (
    <Panel title={taskWords().happened}>
      <Waterfall story={story} now={now} blocked={blocked} />
      <div class="timeline-foot">
        <TraceLink task={task} />
        <SpanList task={task} />
        <LogList entries={entries} />
      </div>
    </Panel>
  );
}

const TITLE_CHARACTERS = 90;

/** The first line of the prompt for those who may read it. */
function titleOf({ spec, id }: Task): string {
  const [line = ""] = (spec?.prompt ?? "").replaceAll("`", "'").trim().split("\n");
  if (line === "") return taskWords().title(id);
  return line.length > TITLE_CHARACTERS ? `${line.slice(0, TITLE_CHARACTERS)} …` : line;
}

function Lead({
  task,
  story,
  now,
  onChanged,
}: {
  readonly task: Task;
  readonly story: Story;
  readonly now: number;
  readonly onChanged: () => void;
}) {
  const word = taskWords();
  const { state, agentId, id, spec, result, attempt } = task;
  const last = story.at(-1);
  const executor = result?.executorId || executorOf(id);
  const engine = [result?.engine || spec?.engine, result?.engineVersion].filter(Boolean).join(" ");
  const model = result?.model || attemptsOf(story).at(-1)?.usage?.model || spec?.model;
  return (
    <>
      <State tone={taskTone(state)}>{wordOf(stateWords().task, state)}</State>{" "}
      {[attempt > 0 && word.attempt(attempt), last && duration((last.to ?? now) - last.from)]
        .filter(Boolean)
        .join(comma())}
      {" · "}
      <Id value={id} />
      {agentId && (
        <>
          {` · ${word.agent} `}
          <a href={`/tasks?agent=${encodeURIComponent(agentId)}`}>{agentId}</a>
        </>
      )}
      {" · "}
      <PriorityChoice task={task} onChanged={onChanged} />
      {engine && ` · ${[engine, model].filter(Boolean).join(comma())}`}
      {executor && (
        <>
          {" · "}
          <a href={`/executors?executor=${encodeURIComponent(executor)}`}>{executor}</a>
        </>
      )}
    </>
  );
}

/** The executor whose run it is now. */
function executorOf(taskId: string): string | undefined {
  if (!may("monitor:read")) return undefined;
  const executors = snapshot("executors").value?.executors ?? [];
  return executors.find(({ status }) => status?.runs.some((run) => run.taskId === taskId))?.executorId;
}
