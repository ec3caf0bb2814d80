import {
  IssueState,
  type Notice,
  NoticeAction,
  type NotifyRequest,
  Severity,
  type UpdateIssueRequest,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { Mail, Session } from "./domain/session.js";

/** Names the incident for the notification service: an outage has one issue. */
export const dedupKey = (outageId: string): string => `session:${outageId}`;

/** The notice that opens the issue. */
export const toNotify = (session: Session, mail: Mail): NotifyRequest => ({
  notice: toNotice(session, mail),
  openIssue: true,
});

/** The comment that reopens the issue, or closes it. */
export const toUpdate = (session: Session, mail: Mail): UpdateIssueRequest => ({
  dedupKey: dedupKey(mail.outageId),
  updateId: mail.id,
  comment: toNotice(session, mail),
  state: mail.kind === "recovered" ? IssueState.CLOSED : IssueState.OPEN,
});

const KINDS = {
  lost: { kind: "session.timeout", severity: Severity.CRITICAL, action: NoticeAction.OPENS },
  refused: { kind: "session.refused", severity: Severity.CRITICAL, action: NoticeAction.UPDATES },
  recovered: { kind: "session.recovered", severity: Severity.INFO, action: NoticeAction.RESOLVES },
} as const;

/** It depends on the mail alone, so that a repeated one has the same content. */
const toNotice = ({ engine, account }: Session, { kind, outageId, ms, facts }: Mail): Notice => ({
  ...KINDS[kind],
  subject: { engine, account },
  facts: { ...facts },
  whatToDo: whatToDo(kind, account === "" ? engine : `${engine}/${account}`),
  links: {},
  dedupKey: dedupKey(outageId),
  labels: ["session-timeout"],
  time: new Date(ms),
});

function whatToDo(kind: Mail["kind"], session: string): string {
  if (kind === "recovered") return "Nothing: the waiting tasks start again.";
  const renew = kind === "lost" ? "Renew the login" : "The login is still refused: renew it";
  return (
    `${renew} of ${session} where its executors run: log in there, or replace its key or token. ` +
    `Then close this issue, or run \`ccsp session confirm ${session}\`. ` +
    "CCSP then sends a short request with this login. If it works, the waiting tasks start again."
  );
}
