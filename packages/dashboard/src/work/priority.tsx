import { call } from "../api.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { workWords } from "../i18n/work.js";
import { act } from "../parts/toast.js";
import type { Task } from "../routes.js";
import { may } from "../session.js";
import { CLASSES, classOf, waits } from "./task-state.js";

/** The class of a task. Who may, changes it in place while the task waits, and can take it back. */
export function PriorityChoice({ task, onChanged }: { readonly task: Task; readonly onChanged: () => void }) {
  const names = stateWords().priority;
  const current = classOf(task);
  if (!may("queue:manage") || !waits(task.state)) return <>{wordOf(names, current)}</>;
  return (
    <select
      class="quiet"
      aria-label={`${workWords().class}: ${task.id}`}
      value={current}
      onChange={({ currentTarget }) => void change(task, currentTarget.value, onChanged)}
    >
      {CLASSES.map((name) => (
        <option key={name} value={name}>
          {names[name]}
        </option>
      ))}
    </select>
  );
}

async function change({ id, ...task }: Task, to: string, onChanged: () => void): Promise<void> {
  const from = classOf({ id, ...task });
  const set = async (priority: string) => {
    const answer = await call("PUT /tasks/{taskId}/priority", { path: { taskId: id }, body: { priority } });
    onChanged();
    return answer.task && classOf(answer.task) === priority;
  };
  const said = (old: string, now: string) =>
    workWords().priorityChanged(wordOf(stateWords().priority, old), wordOf(stateWords().priority, now));
  const does = (old: string, now: string) => async () =>
    (await set(now)) ? said(old, now) : workWords().priorityNotChanged;
  await act(does(from, to), () => void act(does(to, from)));
}
