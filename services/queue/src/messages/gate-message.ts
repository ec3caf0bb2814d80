import type { Gate as GateMessage, GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { BudgetAction } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import { heldBy } from "../domain/gates/budget-holds.js";
import type { Gate, UsedBudget } from "../domain/gates/gates.js";
import type { Scope } from "../domain/gates/scope.js";
import { labelName, labelOf } from "../domain/task/labels.js";
import { classOf, priorityOf } from "./words.js";

/** The scope that a message names. Undefined when it names none, or one that cannot exist. */
export function scopeOf({ scope }: GateScope): Scope | undefined {
  switch (scope?.$case) {
    case "all":
    case "emergency":
      return scope.value ? { kind: scope.$case } : undefined;
    case "priority": {
      const priority = classOf(scope.value);
      return priority && { kind: "class", class: priority };
    }
    case "engine":
      return { kind: "engine", engine: scope.value };
    case "agentId":
      return { kind: "agent", agent: scope.value };
    case "label": {
      const at = scope.value.indexOf("=");
      if (at <= 0) return undefined;
      return { kind: "label", label: labelName(scope.value.slice(0, at), scope.value.slice(at + 1)) };
    }
    case "account":
      return { kind: "account", engine: scope.value.engine, account: scope.value.account };
    case "model":
      return { kind: "model", model: labelName(scope.value) };
    case undefined:
    default:
      return undefined;
  }
}

/** Undefined for a scope that is internal to CCSP. */
export function toGateScope(scope: Scope): GateScope | undefined {
  switch (scope.kind) {
    case "all":
    case "emergency":
      return { scope: { $case: scope.kind, value: true } };
    case "class":
      return { scope: { $case: "priority", value: priorityOf(scope.class) } };
    case "engine":
      return { scope: { $case: "engine", value: scope.engine } };
    case "agent":
      return { scope: { $case: "agentId", value: scope.agent } };
    case "label":
      return { scope: { $case: "label", value: labelOf(scope.label).join("=") } };
    case "account":
      return { scope: { $case: "account", value: { engine: scope.engine, account: scope.account } } };
    case "model":
      return { scope: { $case: "model", value: labelOf(scope.model)[0] } };
    case "budget":
      return toGateScope(scope.of);
    case "executor":
    case "unknown":
    default:
      return undefined;
  }
}

const ACTIONS = { refuse: BudgetAction.REFUSE, park: BudgetAction.PARK } as const;

/** The word of an action. Undefined for one that the contract does not name. */
export function actionOf(action: BudgetAction): UsedBudget["action"] | undefined {
  if (action === BudgetAction.UNSPECIFIED) return "refuse";
  return action === BudgetAction.REFUSE ? "refuse" : action === BudgetAction.PARK ? "park" : undefined;
}

/**
 * The gate at the time `nowMs`: closed, or open and still on its ramp. Undefined when it is neither, or when its scope
 * is internal to CCSP.
 */
export function toGateMessage(scope: Scope, gate: Gate, nowMs: number): GateMessage | undefined {
  const named = toGateScope(scope);
  const { opens, ramp = 0 } = gate;
  const opened = opens !== undefined && opens <= nowMs;
  if (named === undefined || (opened && opens + ramp <= nowMs)) return undefined;
  return {
    scope: named,
    who: gate.who,
    why: gate.why,
    closeTime: new Date(gate.closed),
    openTime: opens === undefined ? undefined : new Date(opens),
    rampEndTime: opened ? new Date(opens + ramp) : undefined,
    budgets: heldBy(gate, nowMs).map(({ name, action, limit, until, holdsRuns = false }) => ({
      budget: name,
      scope: named,
      action: ACTIONS[action],
      limit,
      endTime: new Date(until),
      holdsRuns,
    })),
  };
}
