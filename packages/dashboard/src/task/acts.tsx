import { useState } from "preact/hooks";
import { call } from "../api.js";
import { usd } from "../format.js";
import { taskWords } from "../i18n/task.js";
import { workWords } from "../i18n/work.js";
import { ActButton } from "../parts/act-button.js";
import { confirm } from "../parts/dialog.js";
import { useActs } from "../parts/palette.js";
import { act, toast } from "../parts/toast.js";
import type { Task } from "../routes.js";
import { session } from "../session.js";
import { cancelScope, hasEnded, RETRIED_STATES, retryScope, waits } from "../work/task-state.js";
import { FollowUp } from "./follow-up.js";

/** What can be done with a task: another turn, another try, or its end. */
export function TaskActs({
  task,
  cost,
  onChanged,
}: {
  readonly task: Task;
  readonly cost: number | undefined;
  readonly onChanged: () => void;
}) {
  const word = taskWords();
  const names = workWords();
  const [asking, setAsking] = useState(false);
  const cancel = () => void cancelTask(task, cost, onChanged);
  const retry = () => void retryTask(task, onChanged);
  const followUp = () => {
    const why = whyNoFollowUp(task);
    if (why) toast(why);
    else setAsking(true);
  };
  const ended = hasEnded(task.state);
  const retried = RETRIED_STATES.includes(task.state);
  useActs([
    { name: word.followUp, scope: "tasks:submit", run: followUp },
    ...(retried ? [{ name: names.retry, scope: retryScope(), run: retry }] : []),
    ...(ended ? [] : [{ name: names.cancel, scope: cancelScope(), run: cancel }]),
  ]);
  return (
    <>
      {ended && (
        <ActButton scope="tasks:submit" onAct={followUp}>
          {word.followUp}
        </ActButton>
      )}
      {retried && (
        <ActButton scope={retryScope()} look="primary" onAct={retry}>
          {names.retry}
        </ActButton>
      )}
      {!ended && (
        <ActButton scope={cancelScope()} onAct={cancel}>
          {names.cancel}
        </ActButton>
      )}
      {asking && <FollowUp task={task} onClose={() => setAsking(false)} />}
    </>
  );
}

function whyNoFollowUp({ result, agentId }: Task): string | undefined {
  if (!result?.conversationId) return taskWords().noConversation;
  return agentId === session.value?.subject ? undefined : taskWords().otherAgent(agentId);
}

async function cancelTask({ id, state }: Task, cost: number | undefined, onChanged: () => void): Promise<void> {
  const word = taskWords();
  const yes = await confirm({
    title: word.cancelTitle,
    effect: waits(state) ? word.cancelWait : word.cancelRun(cost === undefined ? word.unknown : usd(cost)),
    act: workWords().cancel,
  });
  if (!yes) return;
  await act(async () => {
    const { task } = await call("POST /tasks/{taskId}/cancel", { path: { taskId: id } });
    onChanged();
    if (task?.state === "CANCELLED") return word.cancelled;
    return task && hasEnded(task.state) ? word.alreadyEnded : word.cancelling;
  });
}

async function retryTask({ id }: Task, onChanged: () => void): Promise<void> {
  await act(async () => {
    await call("POST /tasks/{taskId}/retry", { path: { taskId: id } });
    onChanged();
    return taskWords().retried;
  });
}
