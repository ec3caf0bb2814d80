import { useState } from "preact/hooks";
import { call } from "../api.js";
import { comma, duration, time } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { shellWords } from "../i18n/shell.js";
import { ActButton } from "../parts/act-button.js";
import { Dialog } from "../parts/dialog.js";
import { Panel } from "../parts/layout.js";
import { State } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { QueueStatus } from "../routes.js";
import { type Gate, scopeWords } from "../work/scope-words.js";
import { who } from "../work/task-state.js";
import { gatesOf, isClosed } from "./headline.js";
import { loadIn } from "./loads.js";

/** The gates that hold tasks: who closed each, why, and until when. */
export function GatesPanel({ status }: { readonly status: QueueStatus }) {
  const word = queueWords();
  const [resuming, setResuming] = useState<Gate | undefined>(undefined);
  const gates = gatesOf(status);
  return (
    <Panel title={word.gates}>
      {gates.length === 0 && <p class="third">{word.noGates}</p>}
      <ul class="gates">
        {gates.map((gate) => (
          <GateLine key={scopeWords(gate.scope) + gate.who} gate={gate} onResume={() => setResuming(gate)} />
        ))}
      </ul>
      {resuming && <ResumeDialog gate={resuming} status={status} onClose={() => setResuming(undefined)} />}
    </Panel>
  );
}

function GateLine({ gate, onResume }: { readonly gate: Gate; readonly onResume: () => void }) {
  const word = queueWords();
  const { scope, who: by, why, closeTime, openTime, rampEndTime, budgets } = gate;
  const ends = rampEndTime ? word.ramp(time(rampEndTime)) : openTime ? word.opens(time(openTime)) : word.opensByHand;
  return (
    <li>
      <div class="line">
        <State tone={isClosed(gate) ? "held" : "waits"}>{scopeWords(scope)}</State>
        {budgets.length > 0 ? (
          <a href="/usage">{word.budgetsPage}</a>
        ) : (
          <ActButton scope="queue:manage" look="plain" onAct={onResume}>
            {word.resume}
          </ActButton>
        )}
      </div>
      <p>
        {budgets.length > 0
          ? word.budgetGate(budgets.map(({ budget, limit }) => `${budget} (${limit})`).join(comma()))
          : why}
      </p>
      <p class="second">
        {by && closeTime && word.by(by, time(closeTime)) + comma()}
        {ends}
      </p>
    </li>
  );
}

const RAMPS_S = [0, 60, 300, 900, 3600];

function ResumeDialog({
  gate: { scope },
  status,
  onClose,
}: {
  readonly gate: Gate;
  readonly status: QueueStatus;
  readonly onClose: () => void;
}) {
  const word = queueWords();
  const [ramp, setRamp] = useState(0);
  const name = scopeWords(scope);
  const load = scope && loadIn(scope, status);
  // A gate of one agent or label has few tasks behind it.
  const choices = scope?.agentId || scope?.label ? [0] : RAMPS_S;
  const resume = () =>
    act(async () => {
      const body = { scope, who: who(), ramp: `${ramp}s` };
      const { resumed } = await call("POST /queue/resume", { body });
      onClose();
      return resumed ? word.resumedDone(name) : word.notClosed;
    });
  return (
    <Dialog title={word.resumeTitle(name)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void resume();
        }}
      >
        {load && <p>{word.resumeEffect(load.waiting)}</p>}
        <label>
          {word.resumeHow}
          <select value={ramp} onChange={({ currentTarget }) => setRamp(Number(currentTarget.value))}>
            {choices.map((seconds) => (
              <option key={seconds} value={seconds}>
                {seconds === 0 ? word.atOnce : word.over(duration(seconds * 1000))}
              </option>
            ))}
          </select>
        </label>
        <div class="acts">
          <button type="button" onClick={onClose}>
            {shellWords().cancel}
          </button>
          <button type="submit" class="primary">
            {word.resume}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
