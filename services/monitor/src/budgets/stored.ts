import { isTimeZone } from "../usage/domain/period.js";
import type { Budget, Holder } from "./domain/budget.js";

const KNOWN_BEFORE: ReadonlySet<Holder["kind"]> = new Set(["everybody", "agent", "label"]);

/** Whether 0.3.0 does not know this kind of holder. */
export const isLater = ({ kind }: Holder): boolean => !KNOWN_BEFORE.has(kind);

/**
 * What is stored of a budget. A holder that 0.3.0 does not know is stored as `laterHolder`. 0.3.0 leaves out a budget
 * without `holder`. It takes every other `holder` for one that it knows, and would count the usage of all for it.
 */
export function budgetJson({ holder, ...budget }: Budget): unknown {
  return { ...budget, [isLater(holder) ? "laterHolder" : "holder"]: holder };
}

/**
 * Reads a stored budget. Only this service writes them, after it has checked them. Throws if it is not a budget, or if
 * this host does not know its time zone: a budget that has no period would stop the others.
 */
export function parseBudget(json: unknown): Budget {
  const { laterHolder, holder = laterHolder, ...budget } = Object(json);
  const { countFromMs, warnShares, timeZone } = budget;
  const fine = typeof countFromMs === "number" && typeof holder?.kind === "string" && Array.isArray(warnShares);
  if (!fine || !isTimeZone(String(timeZone))) throw new TypeError("not a budget that this release knows");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return { ...budget, holder } as Budget;
}
