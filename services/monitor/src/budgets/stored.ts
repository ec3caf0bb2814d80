import { isTimeZone } from "../usage/domain/period.js";
import type { Budget } from "./domain/budget.js";

/**
 * Reads a stored budget. Only this service writes them, after it has checked them. Throws if it is none, or if this host
 * does not know its time zone: a budget that has no period would stop the others.
 */
export function parseBudget(json: unknown): Budget {
  const { countFromMs, holder, warnShares, timeZone } = Object(json);
  const fine = typeof countFromMs === "number" && typeof holder?.kind === "string" && Array.isArray(warnShares);
  if (!fine || !isTimeZone(String(timeZone))) throw new TypeError("not a budget that this release knows");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return json as Budget;
}
