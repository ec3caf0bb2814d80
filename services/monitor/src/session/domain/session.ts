import { EVENT_WORDS, type EventData } from "@ccsp/events";
import { backoffMs } from "@ccsp/timing";

/**
 * The state machine of a session: the login of one engine under one account.
 *
 * | state | means | what the monitor does |
 * | --- | --- | --- |
 * | `unproven` | nothing has shown yet that it works | probes it after the interval |
 * | `valid` | the newest probe or run showed that it works | probes it when the interval is over without a run |
 * | `suspected` | refused once or twice in a row | probes it again after the shorter wait |
 * | `lost` | refused three times in a row | pauses the account |
 * | `waiting` | the account is paused | asks people for help; probes it at the interval |
 * | `confirming` | a person says that it works again | probes it at once |
 * | `recovering` | a probe showed that it works again | resumes the account |
 *
 * ```
 *              refused             3rd refusal        paused               confirmed
 *   unproven ──────────▶ suspected ───────────▶ lost ────────▶ waiting ─────────────▶ confirming
 *      │   ▲   gate shut   │   │                  ▲               │                    │      │
 *      ▼   │               │   │ works,           └───────────────┼────────────────────┘      │ works
 *    valid ◀───────────────┘   │ gate shut                        │ works           refused   │
 *      ▲      works            └──────────────────┐               │                           │
 *      │                                          ▼               ▼                           │
 *      └───────────────────────────────────── recovering ◀────────┴───────────────────────────┘
 *                       resumed
 * ```
 *
 * - "Refused" is an answer that means that the login is gone. An answer that says nothing about the login (network,
 *   limits, a crash) neither changes the state nor counts as a refusal; the session is probed again.
 * - "Gate shut": the queue has closed the account's gate because a run was refused. This counts as the first refusal.
 * - "Confirmed": the issue was closed, a person called ConfirmSession, or a person opened the account's gate.
 *
 * `lost` and `recovering` are intents: they are stored before the queue is called, and left after it has answered. The
 * notices for people are stored in `mail` together with the change that they report, and removed after the notification
 * service has taken them. All these calls may be repeated: their ids come from the outage. So a process that dies
 * between two steps loses nothing, and the next one does the step again.
 */
export type SessionState = "unproven" | "valid" | "suspected" | "lost" | "waiting" | "confirming" | "recovering";

/** Times are ms since 1970. */
export interface Session {
  readonly engine: string;
  readonly account: string;
  readonly state: SessionState;
  /** Since when it has this state. */
  readonly sinceMs: number;
  /** When it last worked, and what showed it. */
  readonly validMs?: number;
  readonly proof?: "probe" | "run";
  /** Refusals in a row. */
  readonly failures: number;
  /** Answers in a row that said nothing about the login. */
  readonly unclear: number;
  /** The last answer. `error` is empty when it worked. */
  readonly check?: { readonly ms: number; readonly error: string };
  /** When a probe is due: this long after the time at which it was decided. */
  readonly next: { readonly ms: number; readonly waitMs: number };
  /** Id of the probe in progress. Only its answer counts. */
  readonly probe?: string;
  /** How many probes began. Executors take turns by it. */
  readonly probes: number;
  /** How many checks people asked for, and how many of them are answered. */
  readonly asked: number;
  readonly answered: number;
  /** Connected executors that have this account. */
  readonly executors: number;
  /** Why no probe can be made. Empty when one can. */
  readonly notChecked: string;
  readonly outage?: Outage;
  /** What the notification service has not taken yet, oldest first. */
  readonly mail: readonly Mail[];
}

/** From the first refusal until the account is resumed. */
export interface Outage {
  readonly id: string;
  readonly lostMs: number;
  /** Its `session.timeout` is on the stream. */
  readonly told: boolean;
  /** The mail that opens an issue was written. */
  readonly notified: boolean;
  /** The newest refusal. */
  readonly evidence: Evidence;
  /** How many times a person said that it works again. */
  readonly confirmations: number;
  /** What the present confirmation is, or how the recovery began. */
  readonly confirmed?: Confirmation;
  readonly issueUrl: string;
  /** When the issue was last closed, as far as it was seen. */
  readonly issueClosedMs?: number;
}

export interface Evidence {
  readonly message: string;
  /** Empty: not known. */
  readonly executorId: string;
  readonly ms: number;
}

/** Where the word comes from that a login works again. The event `session.recovered` names it. */
export interface Confirmation {
  readonly cause: "issue" | "confirmed" | "probe";
  /** May be empty. */
  readonly who: string;
}

/** Something that people have to be told. */
export interface Mail {
  /** Unique: the notification service drops a repeated one. */
  readonly id: string;
  readonly outageId: string;
  /** `lost` opens the issue, `refused` reopens it, `recovered` closes it. */
  readonly kind: "lost" | "refused" | "recovered";
  readonly ms: number;
  readonly facts: Readonly<Record<string, string>>;
}

/** The answer of a probe. `unmade`: no request was sent. */
export type Answer =
  | { readonly kind: "works" }
  | { readonly kind: "refused"; readonly message: string; readonly executorId: string }
  | { readonly kind: "unclear"; readonly message: string }
  | { readonly kind: "unmade"; readonly message: string };

/** The gate of an account. `refused`: the queue closed it after a refused run. `ours`: the monitor paused it. */
export type GateView =
  | { readonly kind: "open" | "ours" }
  | { readonly kind: "refused"; readonly why: string }
  /** Somebody else closed it. `opens`: it opens by itself. */
  | { readonly kind: "other"; readonly opens: boolean };

/** What decisions depend on. */
export interface Deciding {
  readonly nowMs: number;
  readonly waits: Waits;
  readonly newId: () => string;
}

export interface Waits {
  /** From one probe of a session that works to the next. */
  readonly intervalMs: number;
  /** After a refusal. */
  readonly retryMs: number;
}

/** A changed session, with the events that report it. */
export interface Changed {
  readonly session: Session;
  readonly events: readonly { readonly key: string; readonly time: Date; readonly data: EventData }[];
}

const REFUSALS = 3;
/** A notification service that is away for long must not let the state grow. */
const MOST_MAIL = 20;

export const nameOf = ({ engine, account }: { readonly engine: string; readonly account: string }): string =>
  `${engine}/${account}`;

/** States in which the account must not start tasks. */
export const isLost = ({ state }: Session): boolean =>
  state === "lost" || state === "waiting" || state === "confirming" || state === "recovering";

/** The session of an account that an executor offers for the first time. */
export function firstSeen(
  { engine, account }: { readonly engine: string; readonly account: string },
  { nowMs, waits }: Deciding,
): Session {
  return {
    engine,
    account,
    state: "unproven",
    sinceMs: nowMs,
    failures: 0,
    unclear: 0,
    next: after(nowMs, waits.intervalMs),
    probes: 0,
    asked: 0,
    answered: 0,
    executors: 0,
    notChecked: "",
    mail: [],
  };
}

/**
 * Whether a probe is to be made now. A clock that went back does not delay it: no probe is due later than the wait
 * that was decided for it.
 */
export function isDue({ state, next, asked, answered }: Session, nowMs: number): boolean {
  if (state === "lost" || state === "recovering") return false;
  return asked > answered || nowMs >= next.ms || next.ms - nowMs > next.waitMs;
}

export const withProbe = (session: Session, id: string): Session => ({
  ...session,
  probe: id,
  probes: session.probes + 1,
});

/** The session after its probe in progress was answered. `asked` is its `asked` when the probe began. */
export function afterProbe(was: Session, answer: Answer, asked: number, deciding: Deciding): Changed {
  const { nowMs, waits } = deciding;
  const { probe: _, ...rest } = was;
  const session: Session = { ...rest, answered: Math.max(rest.answered, asked), notChecked: "" };
  if (answer.kind === "unmade") {
    return quiet({ ...session, notChecked: answer.message, next: after(nowMs, waits.retryMs) });
  }
  if (answer.kind === "unclear") {
    const unclear = session.unclear + 1;
    const waitMs = backoffMs(unclear, { firstMs: waits.retryMs, longestMs: waits.intervalMs });
    const hurried = session.state === "suspected" || session.state === "confirming";
    const next = after(nowMs, hurried ? waitMs : waits.intervalMs);
    return quiet({ ...session, unclear, next, check: { ms: nowMs, error: answer.message } });
  }
  const checked = {
    ...session,
    unclear: 0,
    check: { ms: nowMs, error: answer.kind === "works" ? "" : answer.message },
  };
  return answer.kind === "works" ? afterSuccess(checked, deciding) : afterRefusal(checked, answer, deciding);
}

function afterSuccess(session: Session, { nowMs, waits }: Deciding): Changed {
  const { state, outage } = session;
  const proven: Session = {
    ...session,
    failures: 0,
    validMs: nowMs,
    proof: "probe",
    next: after(nowMs, waits.intervalMs),
  };
  if (state === "lost" || state === "recovering") return quiet(proven);
  if (outage && (outage.told || isLost(session))) {
    const confirmed = outage.confirmed ?? { cause: "probe", who: "" };
    return quiet({ ...to(proven, "recovering", nowMs), outage: { ...outage, confirmed } });
  }
  return valid(proven, nowMs, "probe");
}

function afterRefusal(
  session: Session,
  { message, executorId }: { readonly message: string; readonly executorId: string },
  deciding: Deciding,
): Changed {
  const { nowMs, waits } = deciding;
  const failures = session.failures + 1;
  const evidence = { message, executorId, ms: nowMs };
  const outage: Outage = session.outage ? { ...session.outage, evidence } : newOutage(evidence, false, deciding);
  const refused: Session = { ...session, failures, outage, next: after(nowMs, waits.retryMs) };
  switch (session.state) {
    case "unproven":
    case "valid":
      return quiet(to(refused, "suspected", nowMs));
    case "suspected":
      return quiet(failures < REFUSALS ? refused : to(refused, "lost", nowMs));
    case "confirming": {
      const { confirmed, ...open } = outage;
      const facts = { ...factsOf(refused), confirmed_by: confirmed?.who ?? "", failures: String(failures) };
      const mail = mailOf(refused, { kind: "refused", n: open.confirmations, ms: nowMs, facts });
      // The account may have been opened by hand, so it is paused again.
      return quiet({ ...to(refused, "lost", nowMs), outage: open, mail });
    }
    case "waiting":
      return quiet({ ...refused, next: after(nowMs, waits.intervalMs) });
    case "lost":
    case "recovering":
    default:
      return quiet(session);
  }
}

/**
 * The session after a look at the gate of its account. Undefined: nothing has changed. The gate has to be read after
 * the session.
 */
export function afterLook(session: Session, gate: GateView, deciding: Deciding): Changed | undefined {
  const { nowMs, waits } = deciding;
  const { state, outage } = session;
  if (state === "suspected" && outage && !outage.told && gate.kind === "refused") {
    return quiet({ ...session, outage: { ...outage, told: true } });
  }
  if (state === "waiting" && gate.kind === "open") {
    return afterConfirmation(session, { cause: "confirmed", who: "the one who resumed the account" }, deciding);
  }
  // `ours`: the state of the monitor was lost, but not the pause that it had made.
  if ((state === "unproven" || state === "valid") && (gate.kind === "refused" || gate.kind === "ours")) {
    const message = gate.kind === "refused" ? gate.why : "the monitor had paused the account";
    const evidence = { message, executorId: "", ms: nowMs };
    return quiet({
      ...to(session, "suspected", nowMs),
      failures: 1,
      outage: newOutage(evidence, true, deciding),
      next: after(nowMs, waits.retryMs),
    });
  }
  return undefined;
}

/** A run of this account succeeded. Undefined: this changes nothing. A run that began before an outage does not end it. */
export function afterRun(session: Session, ms: number, { waits }: Deciding): Changed | undefined {
  const { state, validMs = 0 } = session;
  if ((state !== "unproven" && state !== "valid") || ms <= validMs) return undefined;
  const proven: Session = {
    ...session,
    validMs: ms,
    proof: "run",
    failures: 0,
    unclear: 0,
    next: after(ms, waits.intervalMs),
  };
  return valid(proven, ms, "run");
}

/** A person says that the login works again. A session that is not lost is only probed. */
export function afterConfirmation(session: Session, confirmed: Confirmation, deciding: Deciding): Changed {
  const { nowMs } = deciding;
  const { state, outage } = session;
  const soon: Session = { ...session, next: { ms: nowMs, waitMs: 0 } };
  if (!outage || (state !== "waiting" && state !== "lost")) return quiet(soon);
  const told: Session = { ...soon, outage: { ...outage, confirmed, confirmations: outage.confirmations + 1 } };
  return quiet(state === "waiting" ? to(told, "confirming", nowMs) : told);
}

/** A person wants a probe now. */
export const afterQuestion = (session: Session): Session => ({ ...session, asked: session.asked + 1 });

/** The account is paused. `told`: the queue has reported the lost login by itself. */
export function afterPause(session: Session, told: boolean, { nowMs, waits }: Deciding): Changed | undefined {
  const { state, outage, engine, account } = session;
  if (state !== "lost" || !outage) return undefined;
  const paused: Session = { ...session, outage: { ...outage, told: true, notified: true } };
  const { confirmed } = outage;
  const mail = outage.notified
    ? session.mail
    : mailOf(session, { kind: "lost", ms: outage.evidence.ms, facts: factsOf(session) });
  const next = confirmed ? { ms: nowMs, waitMs: 0 } : after(nowMs, waits.intervalMs);
  return {
    session: { ...to(paused, confirmed ? "confirming" : "waiting", nowMs), mail, next },
    events:
      outage.told || told
        ? []
        : [
            {
              key: `session:${outage.id}:timeout`,
              time: new Date(nowMs),
              data: {
                $case: "sessionTimeout",
                value: { engine, account, executorId: outage.evidence.executorId },
              },
            },
          ],
  };
}

/** The account is resumed. */
export function afterResume(session: Session, { nowMs }: Deciding): Changed | undefined {
  const { state, outage, engine, account } = session;
  if (state !== "recovering" || !outage) return undefined;
  const { outage: _, ...rest } = session;
  const { cause, who } = outage.confirmed ?? { cause: "probe", who: "" };
  const facts = { lost_time: isoTime(outage.lostMs), recovered_time: isoTime(nowMs), cause, confirmed_by: who };
  const mail = outage.notified ? mailOf(session, { kind: "recovered", ms: nowMs, facts }) : session.mail;
  const value = { engine, account, lostTime: new Date(outage.lostMs), cause, causeEnum: EVENT_WORDS.cause[cause] };
  return {
    session: { ...to(rest, "valid", nowMs), mail },
    events: [
      {
        key: `session:${outage.id}:recovered`,
        time: new Date(nowMs),
        data: { $case: "sessionRecovered", value },
      },
    ],
  };
}

/** What is seen of the issue about an outage. */
export interface IssueSight {
  readonly state: "none" | "open" | "closed";
  readonly url: string;
  readonly who: string;
  readonly changeMs: number;
}

/**
 * The session after a look at the issue of its outage. Undefined: nothing has changed. Each closing counts once, so an
 * issue that is still to be reopened does not confirm again.
 */
export function afterIssue(
  session: Session,
  outageId: string,
  { state, url, who, changeMs }: IssueSight,
  deciding: Deciding,
): Changed | undefined {
  const { outage } = session;
  if (outage?.id !== outageId) return undefined;
  const closing = state === "closed" && changeMs > (outage.issueClosedMs ?? -1);
  if (!closing) {
    return url === outage.issueUrl || url === ""
      ? undefined
      : quiet({ ...session, outage: { ...outage, issueUrl: url } });
  }
  const seen: Session = { ...session, outage: { ...outage, issueUrl: url, issueClosedMs: changeMs } };
  if (session.state !== "waiting" && session.state !== "lost") return quiet(seen);
  return afterConfirmation(seen, { cause: "issue", who }, deciding);
}

/** The notification service has taken a mail. */
export const afterMail = (session: Session, id: string): Session => ({
  ...session,
  mail: session.mail.filter((mail) => mail.id !== id),
});

const after = (nowMs: number, waitMs: number) => ({ ms: nowMs + waitMs, waitMs });
const quiet = (session: Session): Changed => ({ session, events: [] });
const to = (session: Session, state: SessionState, nowMs: number): Session => ({ ...session, state, sinceMs: nowMs });
const isoTime = (ms: number): string => new Date(ms).toISOString();

function valid(session: Session, ms: number, proof: "probe" | "run"): Changed {
  if (session.state === "valid") return quiet(session);
  const { outage: _, ...rest } = session;
  const { engine, account } = session;
  const key = `session:${nameOf(session)}:valid:${ms}`;
  const value = { engine, account, proof, proofEnum: EVENT_WORDS.proof[proof] };
  return {
    session: to(rest, "valid", ms),
    events: [{ key, time: new Date(ms), data: { $case: "sessionValid", value } }],
  };
}

const newOutage = (evidence: Evidence, told: boolean, { nowMs, newId }: Deciding): Outage => ({
  id: newId(),
  lostMs: nowMs,
  told,
  notified: false,
  evidence,
  confirmations: 0,
  issueUrl: "",
});

function factsOf({ outage, failures }: Session): Record<string, string> {
  if (!outage) return {};
  const { evidence, lostMs } = outage;
  return {
    lost_time: isoTime(lostMs),
    failures: String(failures),
    answer: evidence.message.slice(0, 1_000),
    answer_time: isoTime(evidence.ms),
    ...(evidence.executorId !== "" && { executor: evidence.executorId }),
  };
}

/** The mail with one more. Of the refused confirmations that were not sent yet, only the newest matters. */
function mailOf(
  { mail, outage }: Session,
  { kind, n, ms, facts }: { kind: Mail["kind"]; n?: number; ms: number; facts: Mail["facts"] },
): readonly Mail[] {
  const outageId = outage?.id ?? "";
  const id = n === undefined ? `${outageId}:${kind}` : `${outageId}:${kind}-${n}`;
  const others = mail.filter((each) => kind === "lost" || each.kind !== "refused" || each.outageId !== outageId);
  return [...others, { id, outageId, kind, ms, facts }].slice(-MOST_MAIL);
}
