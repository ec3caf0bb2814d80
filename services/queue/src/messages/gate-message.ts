import type { Gate as GateMessage, GateScope } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { type Gate, labelOf, type Scope, scopes } from "../domain/gates/gates.js";
import { CLASSES } from "../domain/task/task.js";
import { classOf, priorityOf } from "./words.js";

/** The scope that a message names; undefined when it names none, or none that there can be. */
export function scopeOf({ scope }: GateScope): Scope | undefined {
  switch (scope?.$case) {
    case "all":
      return scope.value ? scopes.all : undefined;
    case "priority": {
      const priority = classOf(scope.value);
      return priority && scopes.class(priority);
    }
    case "engine":
      return scopes.engine(scope.value);
    case "agentId":
      return scopes.agent(scope.value);
    case "label": {
      const at = scope.value.indexOf("=");
      return at > 0 ? scopes.label(scope.value.slice(0, at), scope.value.slice(at + 1)) : undefined;
    }
    case "account":
      return scopes.account(scope.value.engine, scope.value.account);
    case "emergency":
      return scope.value ? "emergency" : undefined;
    case undefined:
    default:
      return undefined;
  }
}

/** Undefined for a scope that is CCSP's own matter. */
function toGateScope(scope: Scope): GateScope | undefined {
  const [kind = "", first = "", ...rest] = scope.split("/");
  switch (kind) {
    case "all":
      return { scope: { $case: "all", value: true } };
    case "class": {
      const priority = CLASSES.find((each) => each === first);
      return priority && { scope: { $case: "priority", value: priorityOf(priority) } };
    }
    case "engine":
      return { scope: { $case: "engine", value: first } };
    case "agent":
      return { scope: { $case: "agentId", value: first } };
    case "label":
      return { scope: { $case: "label", value: labelOf(first).join("=") } };
    case "account":
      return { scope: { $case: "account", value: { engine: first, account: rest.join("/") } } };
    case "emergency":
      return { scope: { $case: "emergency", value: true } };
    default:
      return undefined;
  }
}

/** As it is at a time: closed, or open and still on its ramp. Undefined when it is neither, or CCSP's own matter. */
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
  };
}
