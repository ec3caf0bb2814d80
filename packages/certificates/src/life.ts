import type { Life } from "./sign.js";

const DAY_MS = 24 * 60 * 60 * 1000;

export const AUTHORITY_DAYS = 3_650;
export const CERTIFICATE_DAYS = 90;
/** The clocks of hosts differ, so a certificate is valid a little before it was made. */
const EARLIER_MS = 5 * 60 * 1000;

/** The length of a life that `lifeOf` made. */
export const daysOf = ({ from, until }: Life): number =>
  Math.max(1, Math.round((until.getTime() - from.getTime() - EARLIER_MS) / DAY_MS));

/** A life of this many days, but not longer than `end`. */
export function lifeOf(days: number, now: Date, end?: Date): Life {
  const until = now.getTime() + days * DAY_MS;
  return {
    from: new Date(now.getTime() - EARLIER_MS),
    until: new Date(Math.min(until, end?.getTime() ?? Number.POSITIVE_INFINITY)),
  };
}
