import { useAnswer } from "../answer.js";
import { type ApiError, call } from "../api.js";
import { number } from "../format.js";
import { serverText } from "../i18n/server-texts.js";
import { sessionWords } from "../i18n/sessions.js";
import { shellWords } from "../i18n/shell.js";
import { wordOf } from "../i18n/states.js";
import { ActButton } from "../parts/act-button.js";
import { titleWithout } from "../parts/awaited.js";
import { Failure } from "../parts/failure.js";
import { PageHead, Panel } from "../parts/layout.js";
import { useActs } from "../parts/palette.js";
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
      <PageHead {...headOf(data?.sessions, error)} />
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

function headOf(
  sessions: readonly Session[] | undefined,
  error: ApiError | undefined,
): { readonly title: string; readonly lead?: string } {
  const word = sessionWords();
  if (!sessions) return { title: titleWithout("sessions", error) };
  if (sessions.length === 0) return { title: word.none, lead: word.noneLead };
  const lost = sessions.filter(({ state }) => NEEDS_PERSON.includes(state));
  if (lost.length > 0) return { title: word.lost(lost.length), lead: word.lostLead };
  const unsure = sessions.filter(({ state }) => state !== "VALID");
  return unsure.length > 0 ? { title: word.checking(unsure.length) } : { title: word.valid, lead: word.validLead };
}

const nameOf = ({ account }: Session): string => [account?.engine, account?.account].filter(Boolean).join("/");

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
      {notChecked !== "" && <p class="third small">{word.notChecked(serverText(notChecked))}</p>}
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
  const { state } = session;
  const needsPerson = NEEDS_PERSON.includes(state);
  const check = () => void checkLogin(session, onChange);
  const confirm = () => void confirmLogin(session, onChange);
  useActs([
    { name: `${nameOf(session)}: ${word.check}`, scope: "monitor:manage", run: check },
    ...(needsPerson ? [{ name: `${nameOf(session)}: ${word.confirmed}`, scope: "monitor:manage", run: confirm }] : []),
  ]);
  return (
    <span class="acts">
      {needsPerson && (
        <ActButton scope="monitor:manage" look="primary" onAct={confirm}>
          {word.confirmed}
        </ActButton>
      )}
      <ActButton scope="monitor:manage" look="plain" onAct={check}>
        {word.check}
      </ActButton>
    </span>
  );
}

async function checkLogin(session: Session, onChange: () => void): Promise<void> {
  const word = sessionWords();
  await act(async () => {
    const { session: now } = await call("POST /sessions/check", { body: { account: session.account } });
    return word.checkTold(nameOf(session), wordOf(word.states, now?.state ?? ""));
  });
  onChange();
}

async function confirmLogin(session: Session, onChange: () => void): Promise<void> {
  await act(async () => {
    await call("POST /sessions/confirm", { body: { account: session.account } });
    return sessionWords().confirmTold(nameOf(session));
  });
  onChange();
}
