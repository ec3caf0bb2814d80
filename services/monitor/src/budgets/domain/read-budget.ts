import { type FieldViolation, invalidFields, isVisible, VISIBLE_RULE } from "@ccsp/errors";
import { AGENT_ID } from "@ccsp/identity";
import { isTimeZone, TIME_ZONE_RULE } from "../../usage/domain/period.js";
import type { BudgetTerms, Holder } from "./budget.js";

export const MOST_BUDGETS = 1_000;
const MOST_USD = 1e9;
const MOST_SHARES = 10;
const DEFAULT_SHARES = [0.8, 0.95];
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
/** As the queue's settings and the specs of tasks allow them. */
const ENGINE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const MOST_MODEL = 128;

/** A budget as its caller describes it. What is undefined was not given, or is not known. */
export type AskedBudget = Pick<BudgetTerms, "name" | "limit" | "timeZone" | "warnShares"> & {
  readonly [F in "holder" | "unit" | "period"]: BudgetTerms[F] | undefined;
} & { readonly action: BudgetTerms["action"] | "default" | undefined };

/** Returns the budget to store. Throws INVALID_FIELD that names every wrong field. */
export function readBudget({ holder, unit, period, ...asked }: AskedBudget): BudgetTerms {
  const faults: FieldViolation[] = [];
  const need = (fits: boolean, field: string, description: string): void => {
    if (!fits) faults.push({ field: `budget.${field}`, description });
  };
  const { name, limit } = asked;
  const ofAccount = holder?.kind === "account";
  const action = asked.action === "default" ? (ofAccount ? "park" : "refuse") : asked.action;
  const timeZone = asked.timeZone || "UTC";
  const warnShares = asked.warnShares.length === 0 ? DEFAULT_SHARES : asked.warnShares;
  need(NAME.test(name), "name", "must be 1 to 64 of A-Z a-z 0-9 . _ -");
  if (holder === undefined) need(false, "holder", HOLDER_RULE);
  else checkHolder(holder, need);
  need(unit !== undefined, "unit", "must be USD, TOKENS or REQUESTS");
  need(limit > 0, "limit", "must be more than 0");
  if (unit === "usd") {
    need(!(limit > MOST_USD), "limit", `must be at most ${MOST_USD} dollars`);
    need(!(limit > 0 && limit < 1e-6), "limit", "must be at least 0.000001 dollars");
    // Money is counted in whole micro-dollars. A sum of such numbers may differ from one in its last bits.
    const micros = limit * 1e6;
    const exact = Math.abs(micros - Math.round(micros)) <= Math.max(1e-3, micros * 2 ** -50);
    need(exact || !(limit >= 1e-6 && limit <= MOST_USD), "limit", "must have at most six decimals");
  } else {
    need(
      Number.isSafeInteger(limit) || !(limit > 0),
      "limit",
      `must be a whole number, at most ${Number.MAX_SAFE_INTEGER}`,
    );
  }
  need(period !== undefined, "period", "must be HOUR, DAY or MONTH");
  need(isTimeZone(timeZone), "time_zone", TIME_ZONE_RULE);
  need(action !== undefined, "action", "must be REFUSE or PARK");
  need(!ofAccount || action !== "refuse", "action", "must be PARK: the account of a task is known when it starts");
  const fit = warnShares.length <= MOST_SHARES && warnShares.every((share) => share > 0 && share < 1);
  need(fit, "warn_shares", `must be at most ${MOST_SHARES} numbers between 0 and 1`);
  if (faults.length > 0 || !holder || !unit || !period || !action) throw invalidFields(faults);
  const shares = [...new Set(warnShares)].toSorted((a, b) => a - b);
  return { name, holder, unit, limit, period, timeZone, action, warnShares: shares };
}

const HOLDER_RULE =
  "must be exactly one of everybody, an agent, a label as key=value, a model, an engine or an account";
const ENGINE_RULE = "is not the name of an engine";

/** The same rules as those of tasks, because no task has another label or model. */
function checkHolder(holder: Holder, need: (fits: boolean, field: string, description: string) => void): void {
  if (holder.kind === "agent") need(AGENT_ID.test(holder.agent), "holder.agent_id", "is not an agent id");
  if (holder.kind === "engine") need(ENGINE.test(holder.engine), "holder.engine", ENGINE_RULE);
  if (holder.kind === "account") {
    need(ENGINE.test(holder.engine), "holder.account.engine", ENGINE_RULE);
    const rule = "is not the name of an account. If the login of the engine has no name, limit the engine";
    need(AGENT_ID.test(holder.account), "holder.account.account", rule);
  }
  if (holder.kind === "model") {
    const length = Array.from(holder.model).length;
    need(length >= 1 && length <= MOST_MODEL, "holder.model", `must be 1 to ${MOST_MODEL} characters`);
    need(isVisible(holder.model), "holder.model", VISIBLE_RULE);
  }
  if (holder.kind !== "label") return;
  const [key = "", ...value] = holder.label.split("=");
  const fits = /^[a-z0-9._/-]{1,63}$/.test(key) && key !== "__proto__" && value.length > 0;
  const valueFits = Buffer.byteLength(value.join("=")) <= 256 && isVisible(value.join("="));
  need(fits && valueFits, "holder.label", "is not a label that a task can have, written as key=value");
}
