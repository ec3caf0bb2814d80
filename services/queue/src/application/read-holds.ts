import { isVisible, VISIBLE_RULE } from "@ccsp/errors";
import type { BudgetHold as HoldMessage, SetBudgetHoldsRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { Faults } from "../domain/fields/faults.js";
import { isAgentId, isEngineName } from "../domain/fields/ids.js";
import type { BudgetHold } from "../domain/gates/budget-holds.js";
import { isBudgetScope } from "../domain/gates/scope.js";
import { actionOf, scopeOf } from "../messages/gate-message.js";

const MAX_HOLDS = 1_000;
const MAX_LIMIT = 128;
const SCOPE_RULE = "must be all, an agent, a label as key=value, a model, an engine, or an account";

/** Reads a SetBudgetHolds request. Throws INVALID_FIELD. */
export function readHolds({ holds, laterHolds }: SetBudgetHoldsRequest): readonly BudgetHold[] {
  const faults = new Faults();
  faults.unless(holds.length + laterHolds.length <= MAX_HOLDS, "holds", `has more than ${MAX_HOLDS} budgets`);
  const readAll = (all: readonly HoldMessage[], field: string): BudgetHold[] =>
    faults.found ? [] : all.flatMap((hold, i) => readHold(hold, `${field}[${i}]`, faults) ?? []);
  const read = [...readAll(holds, "holds"), ...readAll(laterHolds, "later_holds")];
  if (faults.found) throw faults.refusal();
  return read;
}

function readHold(hold: HoldMessage, field: string, faults: Faults): BudgetHold | undefined {
  const { budget, scope, limit, endTime } = hold;
  const named = scope && scopeOf(scope);
  const of = isBudgetScope(named) ? named : undefined;
  const action = actionOf(hold.action);
  const limitLength = Array.from(limit).length;
  faults.unless(/^[A-Za-z0-9._-]{1,64}$/.test(budget), `${field}.budget`, "must be 1 to 64 of A-Z a-z 0-9 . _ -");
  faults.unless(of !== undefined, `${field}.scope`, SCOPE_RULE);
  // The gate of such a name could be stored, and then not be read or named again.
  if (of?.kind === "agent") faults.unless(isAgentId(of.agent), `${field}.scope.agent_id`, "is not an agent id");
  if (of?.kind === "account")
    faults.unless(isAgentId(of.account), `${field}.scope.account.account`, "is not an account");
  if (of && "engine" in of) faults.unless(isEngineName(of.engine), `${field}.scope`, "has no name of an engine");
  if (of?.kind === "model") faults.unless(of.model !== "", `${field}.scope.model`, "is empty");
  faults.unless(action !== undefined, `${field}.action`, "must be REFUSE or PARK");
  faults.unless(of?.kind !== "account" || action !== "refuse", `${field}.action`, "must be PARK for an account");
  faults.unless(limitLength >= 1 && limitLength <= MAX_LIMIT, `${field}.limit`, `must be 1 to ${MAX_LIMIT} characters`);
  faults.unless(isVisible(limit), `${field}.limit`, VISIBLE_RULE);
  faults.unless(endTime !== undefined, `${field}.end_time`, "is missing");
  faults.unless(!Number.isNaN(endTime?.getTime()), `${field}.end_time`, "is not a time");
  if (of === undefined || action === undefined || endTime === undefined) return undefined;
  return { name: budget, of, action, limit, until: endTime.getTime(), ...(hold.holdsRuns && { holdsRuns: true }) };
}
