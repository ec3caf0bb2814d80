import type { Budget } from "./domain/budget.js";

/** Reads a stored budget. Throws if it cannot be read. Only this service writes them, after it has checked them. */
export function parseBudget(json: unknown): Budget {
  if (typeof json !== "object" || json === null || !("countFromMs" in json)) throw new Error("not a budget");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
  return json as Budget;
}
