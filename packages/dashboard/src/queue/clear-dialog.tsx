import { useState } from "preact/hooks";
import { type ApiError, call, outcome } from "../api.js";
import { duration, number } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { shellWords } from "../i18n/shell.js";
import { stateWords } from "../i18n/states.js";
import { Dialog } from "../parts/dialog.js";
import { Failure } from "../parts/failure.js";
import { Line } from "../parts/layout.js";
import { Words } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";
import { CLASSES, who } from "../work/task-state.js";

type Counted = Answer<"POST /queue/clear">;

const SHOWN_AGENTS = 5;

/** Removes the waiting tasks of a class: counts them first, then asks for the number to be typed. */
export function ClearDialog({ onClose }: { readonly onClose: () => void }) {
  const word = queueWords();
  const [priority, setPriority] = useState("LOW");
  const [agentId, setAgentId] = useState("");
  const [counted, setCounted] = useState<Counted | undefined>(undefined);
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const count = async () => {
    const { answer, error } = await outcome(call("POST /queue/clear", { body: { priority, agentId, who: who() } }));
    setFault(error);
    setCounted(answer);
  };
  const changed = (set: (text: string) => void) => (text: string) => {
    set(text);
    setCounted(undefined);
  };
  return (
    <Dialog title={word.clearTitle} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void count();
        }}
      >
        <WhichFields
          priority={priority}
          agentId={agentId}
          onPriority={changed(setPriority)}
          onAgentId={changed(setAgentId)}
        />
        {fault && <Failure error={fault} />}
        {counted === undefined && (
          <div class="acts">
            <button type="button" onClick={onClose}>
              {shellWords().cancel}
            </button>
            <button type="submit" class="primary">
              {word.count}
            </button>
          </div>
        )}
      </form>
      {counted && counted.tasks === 0 && <p role="status">{word.clearNothing}</p>}
      {counted && counted.tasks > 0 && (
        <Remove counted={counted} body={{ priority, agentId, who: who() }} onClose={onClose} />
      )}
    </Dialog>
  );
}

/** Which tasks: of this class, and of this agent or of all. */
function WhichFields({
  priority,
  agentId,
  onPriority,
  onAgentId,
}: {
  readonly priority: string;
  readonly agentId: string;
  readonly onPriority: (priority: string) => void;
  readonly onAgentId: (agentId: string) => void;
}) {
  const word = queueWords();
  return (
    <>
      <label>
        {word.clearClass}
        <select value={priority} onChange={({ currentTarget }) => onPriority(currentTarget.value)}>
          {CLASSES.map((name) => (
            <option key={name} value={name}>
              {stateWords().priority[name]}
            </option>
          ))}
        </select>
      </label>
      <label>
        {word.clearAgent}
        <input value={agentId} onInput={({ currentTarget }) => onAgentId(currentTarget.value.trim())} />
      </label>
    </>
  );
}

function Remove({
  counted: { tasks, confirmationToken, agents },
  body,
  onClose,
}: {
  readonly counted: Counted;
  readonly body: { readonly priority: string; readonly agentId: string; readonly who: string };
  readonly onClose: () => void;
}) {
  const word = queueWords();
  const [typed, setTyped] = useState("");
  const ready = typed === String(tasks);
  const remove = () =>
    act(async () => {
      const began = performance.now();
      const answer = await call("POST /queue/clear", { body: { ...body, confirmationToken } });
      onClose();
      return word.cleared(answer.tasks, duration(performance.now() - began));
    });
  return (
    <form
      class="remove"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void remove();
      }}
    >
      <p class="effect" role="status">
        {word.clearCount(tasks)}
      </p>
      <div>
        {agents.slice(0, SHOWN_AGENTS).map(({ agentId, tasks: count }) => (
          <Line key={agentId} value={number(count)}>
            {agentId}
          </Line>
        ))}
      </div>
      <label>
        <Words text={shellWords().typeToConfirm(`\`${tasks}\``)} />
        <input
          autofocus
          inputMode="numeric"
          autocomplete="off"
          value={typed}
          onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        />
      </label>
      <div class="acts">
        <button type="button" onClick={onClose}>
          {shellWords().cancel}
        </button>
        <button type="submit" class="danger" disabled={!ready}>
          {word.clearAct(tasks)}
        </button>
      </div>
    </form>
  );
}
