import { isVisible, VISIBLE_RULE } from "@ccsp/errors";
import type { BudgetHold as HoldMessage, SetBudgetHoldsRequest } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Faults } from "../domain/fields/faults.js";
import { isAgentId } from "../domain/fields/ids.js";
import type { BudgetHold } from "../domain/gates/budget-holds.js";
import type { BudgetScope } from "../domain/gates/scope.js";
import { actionOf, scopeOf } from "../messages/gate-message.js";

const MAX_HOLDS = 1_000;
const MAX_LIMIT = 128;

/** Reads a SetBudgetHolds request. Throws INVALID_FIELD. */
export function readHolds({ holds }: SetBudgetHoldsRequest): readonly BudgetHold[] {
  const faults = new Faults();
  faults.unless(holds.length <= MAX_HOLDS, "holds", `has more than ${MAX_HOLDS} budgets`);
  const read = faults.found ? [] : holds.flatMap((hold, i) => readHold(hold, `holds[${i}]`, faults) ?? []);
  if (faults.found) throw faults.refusal();
  return read;
}

function readHold(hold: HoldMessage, field: string, faults: Faults): BudgetHold | undefined {
  const { budget, scope, limit, endTime } = hold;
  const of = budgetScope(scope && scopeOf(scope));
  const action = actionOf(hold.action);
  const limitLength = Array.from(limit).length;
  faults.unless(/^[A-Za-z0-9._-]{1,64}$/.test(budget), `${field}.budget`, "must be 1 to 64 of A-Z a-z 0-9 . _ -");
  faults.unless(of !== undefined, `${field}.scope`, "must be all, an agent, or a label as key=value");
  // The gate of such a name could be stored, and then not be read or named again.
  if (of?.kind === "agent") faults.unless(isAgentId(of.agent), `${field}.scope.agent_id`, "is not an agent id");
  faults.unless(action !== undefined, `${field}.action`, "must be REFUSE or PARK");
  faults.unless(limitLength >= 1 && limitLength <= MAX_LIMIT, `${field}.limit`, `must be 1 to ${MAX_LIMIT} characters`);
  faults.unless(isVisible(limit), `${field}.limit`, VISIBLE_RULE);
  faults.unless(endTime !== undefined, `${field}.end_time`, "is missing");
  faults.unless(!Number.isNaN(endTime?.getTime()), `${field}.end_time`, "is not a time");
  if (of === undefined || action === undefined || endTime === undefined) return undefined;
  return { name: budget, of, action, limit, until: endTime.getTime() };
}

const budgetScope = (scope: ReturnType<typeof scopeOf>): BudgetScope | undefined =>
  scope?.kind === "all" || scope?.kind === "agent" || scope?.kind === "label" ? scope : undefined;
