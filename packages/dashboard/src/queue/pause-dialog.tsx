import { useState } from "preact/hooks";
import { call } from "../api.js";
import { queueWords } from "../i18n/queue.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { FormDialog } from "../parts/form-dialog.js";
import { act } from "../parts/toast.js";
import type { QueueStatus } from "../routes.js";
import { type GateScope, scopeWords } from "../work/scope-words.js";
import { CLASSES, who } from "../work/task-state.js";
import { loadIn } from "./loads.js";
import { PeriodChoice, WhyField } from "./period-choice.js";

const KINDS = ["all", "priority", "engine", "agentId", "label", "account"] as const;
type Kind = (typeof KINDS)[number];

/** Closes a gate, at once and with the way back. */
export function PauseDialog({
  status,
  agent,
  onClose,
}: {
  readonly status: QueueStatus;
  /** This agent is chosen at first. */
  readonly agent?: string | undefined;
  readonly onClose: () => void;
}) {
  const word = queueWords();
  const [kind, setKind] = useState<Kind>(agent === undefined ? "all" : "agentId");
  const [name, setName] = useState(agent ?? "");
  const [seconds, setSeconds] = useState(0);
  const [why, setWhy] = useState("");
  const scope = scopeOf(kind, name);
  const load = loadIn(scope, status);
  const pause = async () => {
    const body = { scope, who: who(), why, ...(seconds > 0 && { openAfter: `${seconds}s` }) };
    await call("POST /queue/pause", { body });
    return word.pausedDone(scopeWords(scope));
  };
  const choose = (next: Kind) => {
    setKind(next);
    setName(next === "priority" ? "NORMAL" : next === "engine" ? (status.engines[0] ?? "") : "");
  };
  return (
    <FormDialog
      title={word.pauseTitle}
      submit={word.pauseAct}
      save={pause}
      undo={() => void resume(scope)}
      onClose={onClose}
    >
      <KindField kind={kind} onKind={choose} />
      <NameField kind={kind} name={name} engines={status.engines} onName={setName} />
      <PeriodChoice label={word.pauseFor} never={word.untilResumed} value={seconds} onValue={setSeconds} />
      <WhyField value={why} onValue={setWhy} />
      <p class="effect" aria-live="polite">
        {load ? word.pauseEffect(load.waiting, load.running) : word.pauseEffectSome}
      </p>
    </FormDialog>
  );
}

async function resume(scope: GateScope): Promise<void> {
  await act(async () => {
    await call("POST /queue/resume", { body: { scope, who: who(), ramp: "0s" } });
    return queueWords().resumedDone(scopeWords(scope));
  });
}

function KindField({ kind, onKind }: { readonly kind: Kind; readonly onKind: (kind: Kind) => void }) {
  const word = queueWords();
  return (
    <label>
      {word.pauseWhat}
      <select value={kind} onChange={({ currentTarget }) => onKind(KINDS[currentTarget.selectedIndex] ?? "all")}>
        {KINDS.map((each) => (
          <option key={each} value={each}>
            {word.pauseKinds[each]}
          </option>
        ))}
      </select>
    </label>
  );
}

function NameField({
  kind,
  name,
  engines,
  onName,
}: {
  readonly kind: Kind;
  readonly name: string;
  readonly engines: readonly string[];
  readonly onName: (name: string) => void;
}) {
  const word = queueWords();
  if (kind === "all") return null;
  const choices = { priority: CLASSES, engine: engines, agentId: [], label: [], account: [] }[kind];
  const form = kind === "label" ? word.pauseLabelForm : kind === "account" ? word.pauseAccountForm : "";
  return (
    <label>
      {word.pauseName}
      {choices.length > 0 ? (
        <select value={name} onChange={({ currentTarget }) => onName(currentTarget.value)}>
          {choices.map((each) => (
            <option key={each} value={each}>
              {kind === "priority" ? wordOf(stateWords().priority, each) : each}
            </option>
          ))}
        </select>
      ) : (
        <input
          required
          maxLength={300}
          placeholder={form}
          {...(kind === "label" && { pattern: "[^=]+=.+" })}
          {...(kind === "account" && { pattern: "[^/]+/.*" })}
          value={name}
          onInput={({ currentTarget }) => onName(currentTarget.value.trim())}
        />
      )}
    </label>
  );
}

function scopeOf(kind: Kind, name: string): GateScope {
  if (kind === "all") return { all: true };
  if (kind !== "account") return { [kind]: name };
  const [engine = "", ...account] = name.split("/");
  return { account: { engine, account: account.join("/") } };
}
