import type { Session, SessionState } from "./session.js";

const STATES: Readonly<Record<SessionState, true>> = {
  unproven: true,
  valid: true,
  suspected: true,
  lost: true,
  waiting: true,
  confirming: true,
  recovering: true,
};

/**
 * Checks a stored session. Only the monitor writes it, so its parts are trusted. Throws for what is no session, such as
 * one whose state a newer release has added.
 */
export function parseSession(json: unknown): Session {
  if (typeof json === "object" && json !== null && "state" in json && typeof json.state === "string") {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    if (Object.hasOwn(STATES, json.state)) return json as Session;
  }
  throw new TypeError("this is no session that this release knows");
}
