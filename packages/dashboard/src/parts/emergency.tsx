import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { ApiError, call } from "../api.js";
import { duration, time } from "../format.js";
import { emergencyWords } from "../i18n/emergency.js";
import { shellWords } from "../i18n/shell.js";
import type { EmergencyStatus } from "../routes.js";
import { may, session } from "../session.js";
import { snapshot } from "../store.js";
import { Dialog } from "./dialog.js";
import { Failure } from "./failure.js";
import { State, Words } from "./text.js";
import { act } from "./toast.js";
import { waitingIn } from "./waiting.js";

const open = signal(false);

export const openEmergency = (): void => {
  open.value = true;
};

/** On every page. While a stop is in force the button says so. */
export function EmergencyButton() {
  const word = emergencyWords();
  const inForce = snapshot("queue").value?.emergency;
  return (
    <>
      <button type="button" class={inForce ? "danger in-force" : "danger"} onClick={openEmergency}>
        {inForce ? word.inForce : word.button}
      </button>
      {open.value && <EmergencyDialog inForce={inForce} />}
    </>
  );
}

const LEVELS = ["NO_SUBMIT", "NO_START", "PARK_RUNNING", "KILL"] as const;
type Level = (typeof LEVELS)[number];

function EmergencyDialog({ inForce }: { readonly inForce: EmergencyStatus | undefined }) {
  const word = emergencyWords();
  const [raising, setRaising] = useState(false);
  const close = () => {
    open.value = false;
  };
  return (
    <Dialog title={inForce ? word.inForce : word.title} onClose={close} wide>
      {inForce && <InForce status={inForce} />}
      {!may("queue:manage") ? (
        <p>
          <Words text={word.mayNot} />
        </p>
      ) : inForce && !raising ? (
        <Resume onRaise={() => setRaising(true)} />
      ) : (
        <StopForm above={inForce?.level} onStopped={() => setRaising(false)} />
      )}
    </Dialog>
  );
}

/** What each executor has ended so far, as its receipts arrive. */
function InForce({ status }: { readonly status: EmergencyStatus }) {
  const word = emergencyWords();
  const level = LEVELS.find((each) => each === status.level);
  const endsRuns = level === "PARK_RUNNING" || level === "KILL";
  return (
    <div aria-live="polite">
      <p>
        <State tone="failed">{level ? word.levels[level] : status.level}</State>
      </p>
      <p>
        {word.by(status.who, status.time ? time(status.time) : shellWords().unknown)}: {status.why}
      </p>
      <h3>{word.receipts}</h3>
      {!endsRuns && <p>{word.noRunsTouched}</p>}
      {endsRuns && status.receipts.length === 0 && <p>{word.noExecutor}</p>}
      {endsRuns &&
        status.receipts.map(({ executorId, receipt }) => (
          <div class="line" key={executorId}>
            <code>{executorId}</code>
            <State tone={receipt ? (receipt.remaining === 0 ? "within" : "held") : "waits"}>
              {receipt ? word.receipt(receipt.ended.length, receipt.remaining) : word.noReceipt}
            </State>
          </div>
        ))}
    </div>
  );
}

function Resume({ onRaise }: { readonly onRaise: () => void }) {
  const word = emergencyWords();
  const [why, setWhy] = useState("");
  const resume = () =>
    act(async () => {
      const scope = { emergency: true };
      await call("POST /queue/resume", { body: { scope, why, who: session.value?.subject } });
      open.value = false;
      return word.resumed;
    });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void resume();
      }}
    >
      <label>
        {word.resumeWhy}
        <input required maxLength={200} value={why} onInput={({ currentTarget }) => setWhy(currentTarget.value)} />
      </label>
      <div class="acts">
        <button type="button" onClick={onRaise}>
          {word.raise}
        </button>
        <button type="submit" class="primary">
          {word.resume}
        </button>
      </div>
    </form>
  );
}

function doneIn(ms: number, receipts: EmergencyStatus["receipts"]): string {
  const ended = receipts.reduce((sum, { receipt }) => sum + (receipt?.ended.length ?? 0), 0);
  const left = receipts.reduce((sum, { receipt }) => sum + (receipt?.remaining ?? 0), 0);
  return emergencyWords().done(ended, left, duration(ms));
}

function LevelField({
  offered,
  level,
  onLevel,
}: {
  readonly offered: readonly Level[];
  readonly level: Level;
  readonly onLevel: (level: Level) => void;
}) {
  const word = emergencyWords();
  return (
    <fieldset>
      <legend>{word.level}</legend>
      {offered.map((each) => (
        <label key={each} class="choice">
          <input type="radio" name="level" checked={each === level} onChange={() => onLevel(each)} />
          {word.levels[each]}
        </label>
      ))}
    </fieldset>
  );
}

function StopForm({ above, onStopped }: { readonly above: string | undefined; readonly onStopped: () => void }) {
  const word = emergencyWords();
  const lowest = LEVELS.findIndex((level) => level === above) + 1;
  const offered = LEVELS.slice(Math.min(lowest, LEVELS.length - 1));
  const [level, setLevel] = useState<Level>(offered.find((each) => each === "PARK_RUNNING") ?? offered[0] ?? "KILL");
  const [why, setWhy] = useState("");
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const queue = snapshot("queue").value;
  const waiting = queue ? waitingIn(queue) : 0;

  const stop = async () => {
    setBusy(true);
    setFault(undefined);
    const began = performance.now();
    try {
      await act(async () => {
        const body = { level, why, who: session.value?.subject };
        const { status } = await call("POST /emergency-stop", { body }).catch((error: unknown) => {
          if (error instanceof ApiError) setFault(error);
          throw error;
        });
        onStopped();
        return doneIn(performance.now() - began, status?.receipts ?? []);
      });
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (typed === word.word) void stop();
      }}
    >
      <LevelField offered={offered} level={level} onLevel={setLevel} />
      <p class="effect" aria-live="polite">
        {queue ? word.effects[level](queue.leased, waiting) : word.effectUnknown}
      </p>
      <label>
        {word.why}
        <input required maxLength={200} value={why} onInput={({ currentTarget }) => setWhy(currentTarget.value)} />
      </label>
      <label>
        <span>
          <Words text={shellWords().typeToConfirm(`\`${word.word}\``)} />
        </span>
        <input value={typed} autocomplete="off" onInput={({ currentTarget }) => setTyped(currentTarget.value)} />
      </label>
      {fault && <Failure error={fault} />}
      <div class="acts">
        <button type="submit" class="danger" disabled={busy || typed !== word.word || why === ""}>
          {word.stop}
        </button>
      </div>
    </form>
  );
}
