import { PRIORITIES } from "@ccsp/client/plain";
import type { GateScope } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { InvalidArgumentError } from "commander";
import { className, isClass } from "./priority.js";

export const SCOPE_WORDS = "all, class/high, engine/NAME, agent/ID, label/KEY=VALUE or account/ENGINE/NAME";

/** Parses a scope in the form that events and notices use. */
export function gateScope(text: string): GateScope {
  const [kind, ...rest] = text.split("/");
  const value = rest.join("/");
  const [engine = "", ...account] = rest;
  if (kind === "all" && rest.length === 0) return { scope: { $case: "all", value: true } };
  if (kind === "class" && isClass(value)) return { scope: { $case: "priority", value: PRIORITIES[value] } };
  if (kind === "engine" && value) return { scope: { $case: "engine", value } };
  if (kind === "agent" && value) return { scope: { $case: "agentId", value } };
  if (kind === "label" && value.includes("=")) return { scope: { $case: "label", value } };
  if (kind === "account" && account.length > 0) {
    return { scope: { $case: "account", value: { engine, account: account.join("/") } } };
  }
  throw new InvalidArgumentError(`Write it as ${SCOPE_WORDS}.`);
}

export function scopeName(gate: GateScope | undefined): string {
  const scope = gate?.scope;
  switch (scope?.$case) {
    case "all":
      return "all";
    case "emergency":
      return "emergency";
    case "priority":
      return `class/${className(scope.value)}`;
    case "engine":
      return `engine/${scope.value}`;
    case "agentId":
      return `agent/${scope.value}`;
    case "label":
      return `label/${scope.value}`;
    case "account":
      return `account/${scope.value.engine}/${scope.value.account}`;
    case "model":
      return `model/${scope.value}`;
    case undefined:
    default:
      return "unknown";
  }
}
