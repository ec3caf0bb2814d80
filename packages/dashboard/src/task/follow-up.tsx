import { useState } from "preact/hooks";
import { ApiError, call, newRequestId } from "../api.js";
import { shellWords } from "../i18n/shell.js";
import { taskWords } from "../i18n/task.js";
import { Dialog } from "../parts/dialog.js";
import { Failure } from "../parts/failure.js";
import { toast } from "../parts/toast.js";
import { navigate } from "../router.js";
import type { Task } from "../routes.js";
import { taskHref } from "../work/task-state.js";

/** Asks for the next turn of the task's conversation, which runs as this task did. */
export function FollowUp({ task, onClose }: { readonly task: Task; readonly onClose: () => void }) {
  const word = taskWords();
  const [prompt, setPrompt] = useState("");
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  /** A second try is the same request, so it cannot make a second task. */
  const [requestId] = useState(newRequestId);
  const send = async () => {
    setBusy(true);
    setFault(undefined);
    try {
      const answer = await call("POST /tasks", { body: { requestId, spec: nextTurn(task, prompt) } });
      onClose();
      if (answer.task) navigate(taskHref(answer.task.id));
      toast(word.followUpSent);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFault(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={word.followUpTitle} onClose={onClose} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label>
          {word.followUpPrompt}
          <textarea
            rows={6}
            required
            autofocus
            value={prompt}
            onInput={({ currentTarget }) => setPrompt(currentTarget.value)}
          />
        </label>
        {fault && <Failure error={fault} />}
        <div class="acts">
          <button type="button" onClick={onClose}>
            {shellWords().cancel}
          </button>
          <button type="submit" class="primary" disabled={busy || prompt.trim() === ""}>
            {word.followUpSend}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Start times and files belong to the first turn. */
function nextTurn({ spec, result }: Task, prompt: string) {
  const { startTime: _1, startDeadline: _2, attachments: _3, ...kept } = spec ?? {};
  return { ...kept, prompt, conversation: { id: result?.conversationId ?? "", fork: false } };
}
