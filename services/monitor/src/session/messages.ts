import { Session as SessionMessage, SessionState as StateMessage } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import { wordsOf } from "@ccsp/protos/words.js";
import type { Session, SessionState } from "./domain/session.js";

const STATE: Readonly<Record<SessionState, StateMessage>> = wordsOf(StateMessage);

export function toSessionMessage(session: Session): SessionMessage {
  const { engine, account, state, sinceMs, validMs, proof, check, next, notChecked, executors, failures } = session;
  const { outage, mail } = session;
  return SessionMessage.fromPartial({
    account: { engine, account },
    state: STATE[state],
    stateTime: new Date(sinceMs),
    validTime: validMs === undefined ? undefined : new Date(validMs),
    proof: proof ?? "",
    checkTime: check && new Date(check.ms),
    checkError: check?.error ?? "",
    nextCheckTime: new Date(next.ms),
    notChecked,
    executors,
    failures,
    outage: outage && {
      outageId: outage.id,
      lostTime: new Date(outage.lostMs),
      unsentNotices: mail.length,
      issueUrl: outage.issueUrl,
      confirmedBy: outage.confirmed?.who ?? "",
    },
  });
}
