import type { Session, SessionState } from "./domain/session.js";

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
 * Checks a stored session. Only the monitor writes it, so only what every step needs is looked at. Throws for what is
 * not a session, such as one whose state a newer release has added.
 */
export function parseSession(json: unknown): Session {
  const { engine, account, state, next, mail } = Object(json);
  const fine =
    [engine, account, state].every((text) => typeof text === "string") &&
    Object.hasOwn(STATES, state) &&
    typeof next?.ms === "number" &&
    Array.isArray(mail);
  if (!fine) throw new TypeError("this release does not know such a session");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return json as Session;
}
