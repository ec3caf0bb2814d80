import { useAnswer } from "../answer.js";
import { call } from "../api.js";
import { number } from "../format.js";
import { sessionWords } from "../i18n/sessions.js";
import { shellWords } from "../i18n/shell.js";
import { wordOf } from "../i18n/states.js";
import { ActButton } from "../parts/act-button.js";
import { Failure } from "../parts/failure.js";
import { PageHead, Panel } from "../parts/layout.js";
import { DataTable } from "../parts/table.js";
import { State, Time, type Tone } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";

type Session = Answer<"GET /sessions">["sessions"][number];

const REFRESH_MS = 5_000;

/** The login of each engine and account: whether it works, and what a person has to do when it does not. */
export default function SessionsPage() {
  const word = sessionWords();
  const { data, error, reload } = useAnswer("GET /sessions", {}, { everyMs: REFRESH_MS });
  return (
    <>
      <PageHead {...headOf(data?.sessions)} />
      {error && <Failure error={error} onRetry={reload} />}
      {data !== undefined && data.sessions.length > 0 && (
        <Panel>
          <DataTable
            label={shellWords().pages.sessions}
            rows={data.sessions}
            rowKey={nameOf}
            columns={[
              { name: word.login, cell: (session) => <code>{nameOf(session)}</code> },
              { name: word.state, cell: (session) => <SessionState session={session} /> },
              { name: word.proven, cell: ({ validTime }) => validTime && <Time at={validTime} />, wide: true },
              {
                name: word.checked,
                cell: ({ nextCheckTime }) => nextCheckTime && <Time at={nextCheckTime} />,
                wide: true,
              },
              { name: word.executors, cell: ({ executors }) => number(executors), number: true, wide: true },
              { name: "", cell: (session) => <SessionActs session={session} onChange={reload} /> },
            ]}
          />
        </Panel>
      )}
    </>
  );
}

const NEEDS_PERSON = ["LOST", "WAITING"];

function headOf(sessions: readonly Session[] | undefined): { readonly title: string; readonly lead?: string } {
  const word = sessionWords();
  if (!sessions) return { title: shellWords().loading };
  if (sessions.length === 0) return { title: word.none, lead: word.noneLead };
  const lost = sessions.filter(({ state }) => NEEDS_PERSON.includes(state));
  if (lost.length > 0) return { title: word.lost(lost.length), lead: word.lostLead };
  const unsure = sessions.filter(({ state }) => state !== "VALID");
  return unsure.length > 0 ? { title: word.checking(unsure.length) } : { title: word.valid, lead: word.validLead };
}

const nameOf = ({ account }: Session): string => `${account?.engine ?? ""}/${account?.account ?? ""}`;

const TONES: Readonly<Record<string, Tone>> = {
  VALID: "within",
  UNPROVEN: "waits",
  SUSPECTED: "held",
  LOST: "failed",
  WAITING: "failed",
  CONFIRMING: "held",
  RECOVERING: "runs",
};

function SessionState({ session: { state, notChecked, failures, checkError, outage } }: { readonly session: Session }) {
  const word = sessionWords();
  return (
    <>
      <State tone={TONES[state] ?? "none"}>{wordOf(word.states, state)}</State>
      {failures > 0 && checkError !== "" && <p class="small">{word.failures(failures, checkError)}</p>}
      {notChecked !== "" && <p class="third small">{word.notChecked(notChecked)}</p>}
      {outage && outage.issueUrl !== "" && (
        <p class="small">
          <a href={outage.issueUrl} target="_blank" rel="noreferrer">
            {word.issue}
          </a>
        </p>
      )}
    </>
  );
}

function SessionActs({ session, onChange }: { readonly session: Session; readonly onChange: () => void }) {
  const word = sessionWords();
  const { account, state } = session;
  if (!account) return null;
  const check = async () => {
    await act(async () => {
      const { session: now } = await call("POST /sessions/check", { body: { account } });
      return word.checkTold(nameOf(session), wordOf(word.states, now?.state ?? ""));
    });
    onChange();
  };
  const confirm = async () => {
    await act(async () => {
      await call("POST /sessions/confirm", { body: { account } });
      return word.confirmTold(nameOf(session));
    });
    onChange();
  };
  return (
    <span class="acts">
      {NEEDS_PERSON.includes(state) && (
        <ActButton scope="monitor:manage" look="primary" onAct={() => void confirm()}>
          {word.confirmed}
        </ActButton>
      )}
      <ActButton scope="monitor:manage" look="plain" onAct={() => void check()}>
        {word.check}
      </ActButton>
    </span>
  );
}
