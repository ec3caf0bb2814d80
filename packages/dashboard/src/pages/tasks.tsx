import { shellWords } from "../i18n/shell.js";
import { tasksWords } from "../i18n/tasks.js";
import { Failure } from "../parts/failure.js";
import { Empty, PageHead, Panel } from "../parts/layout.js";
import { DataTable } from "../parts/table.js";
import { waitingIn } from "../parts/waiting.js";
import type { Task } from "../routes.js";
import { snapshot } from "../store.js";
import { BulkActs } from "../tasks/bulk-acts.js";
import { type Filter, filterOfAddress, selects } from "../tasks/filter.js";
import { FilterBar } from "../tasks/filter-bar.js";
import { useLiveTasks } from "../tasks/live-tasks.js";
import { taskColumns } from "../tasks/task-columns.js";
import { seesAll } from "../work/task-state.js";

/** Tasks by state, agent, label and text, with bulk acts that count first. The address holds the filter. */
export default function TasksPage() {
  const filter = filterOfAddress();
  const tasks = useLiveTasks(filter);
  return (
    <>
      <Head filter={filter} onDone={tasks.refresh} />
      <FilterBar filter={filter} />
      <Panel>
        {tasks.error && <Failure error={tasks.error} onRetry={tasks.refresh} />}
        <TaskList filter={filter} tasks={tasks} />
      </Panel>
    </>
  );
}

function Head({ filter, onDone }: { readonly filter: Filter; readonly onDone: () => void }) {
  const word = tasksWords();
  if (!seesAll()) return <PageHead title={word.ownTitle} lead={word.ownLead} />;
  const queue = snapshot("queue").value;
  return (
    <PageHead
      title={queue ? word.title(queue.leased, waitingIn(queue)) : shellWords().pages.tasks}
      lead={queue ? word.lead(queue.ended) : word.ownLead}
      acts={<BulkActs filter={filter} onDone={onDone} />}
    />
  );
}

const idOf = ({ id }: Task): string => id;

function TaskList({ filter, tasks }: { readonly filter: Filter; readonly tasks: ReturnType<typeof useLiveTasks> }) {
  const word = tasksWords();
  const { rows, waiting, showWaiting } = tasks;
  if (!tasks.loaded) return tasks.error ? null : <p class="loading">{shellWords().loading}</p>;
  const filtered = selects(filter) || filter.text !== "";
  return (
    <div class="task-list">
      <DataTable
        label={word.list}
        columns={taskColumns()}
        rows={rows}
        rowKey={idOf}
        onEnd={tasks.more}
        waiting={waiting}
        onShowWaiting={showWaiting}
      />
      {rows.length === 0 &&
        !tasks.hasMore &&
        (filtered ? <Empty title={word.noMatch} /> : <Empty title={word.empty} command='ccsp run "Say hello"' />)}
      <p class="third small list-foot" aria-live="polite">
        {!tasks.hasMore
          ? word.all(rows.length)
          : filter.text === ""
            ? word.shown(rows.length)
            : word.searching(tasks.searched, rows.length)}
      </p>
    </div>
  );
}
