import { type Session, SessionState } from "@ccsp/protos/ccsp/monitor/v1/session.js";
import { sessionName } from "../options/session-name.js";
import { stateColour } from "../output/colour.js";
import type { Column } from "../output/table.js";
import { ageWords, count, zonedTime } from "../output/words.js";

export const sessionState = ({ state }: Session): string => SessionState[state] ?? String(state);

const worked = ({ validTime, proof }: Session): string =>
  validTime === undefined ? "unknown" : `${ageWords(validTime)} ago, ${proof}`;

/** What a person should know first. */
function sessionNote({ notChecked, checkError, outage, state }: Session): string {
  if (state === SessionState.WAITING && outage?.issueUrl) return `close ${outage.issueUrl}`;
  return notChecked || checkError;
}

const unsent = ({ outage }: Session): string =>
  outage && outage.unsentNotices > 0 ? count(outage.unsentNotices, "notice") : "";

export const SESSION_COLUMNS: readonly Column<Session>[] = [
  // Never cut: people pass the name on.
  { header: "SESSION", value: ({ account }) => sessionName(account) },
  { header: "STATE", value: sessionState, colour: stateColour },
  { header: "FOR", value: ({ stateTime }) => ageWords(stateTime), align: "right" },
  { header: "WORKED", value: worked, drop: 2 },
  { header: "EXECUTORS", value: ({ executors }) => String(executors), align: "right", drop: 3 },
  { header: "UNSENT", value: unsent, only: "wide" },
  { header: "REFUSED SINCE", value: ({ outage }) => (outage ? zonedTime(outage.lostTime) : ""), only: "wide" },
  { header: "NEXT CHECK", value: ({ nextCheckTime }) => zonedTime(nextCheckTime), only: "wide" },
  { header: "NOTE", value: sessionNote, min: 16, wanted: 32 },
];
