import { labelOf } from "../task/labels.js";
import { CLASSES, type PriorityClass } from "../task/task.js";

/** Which tasks a gate blocks. */
export type Scope =
  | { readonly kind: "all" }
  /** See `EmergencyStore`. */
  | { readonly kind: "emergency" }
  | { readonly kind: "class"; readonly class: PriorityClass }
  | { readonly kind: "engine"; readonly engine: string }
  | { readonly kind: "agent"; readonly agent: string }
  /** `label` is as `labelName` has it. */
  | { readonly kind: "label"; readonly label: string }
  | { readonly kind: "account"; readonly engine: string; readonly account: string }
  /** CCSP's own: an executor that cannot start an engine. */
  | { readonly kind: "executor"; readonly executor: string; readonly engine: string }
  /** A kind that this release does not know. Its gate is kept as it is, and not shown. */
  | { readonly kind: "unknown"; readonly name: string };

/** The name under which a scope is stored, such as `engine/claude-code`. It also names what runs in that scope. */
export function scopeName(scope: Scope): string {
  switch (scope.kind) {
    case "all":
    case "emergency":
      return scope.kind;
    case "class":
      return `class/${scope.class}`;
    case "engine":
      return `engine/${scope.engine}`;
    case "agent":
      return `agent/${scope.agent}`;
    case "label":
      return `label/${scope.label}`;
    case "account":
      return `account/${scope.engine}/${scope.account}`;
    case "executor":
      return `executor/${scope.executor}/${scope.engine}`;
    case "unknown":
    default:
      return scope.name;
  }
}

/** The scope of a stored name. `scopeName` of it is that name again, whatever it is. */
export function readScope(name: string): Scope {
  if (name === "all" || name === "emergency") return { kind: name };
  const [, kind, first = "", second] = /^([a-z]+)\/([^/]*)(?:\/(.*))?$/s.exec(name) ?? [];
  if (second !== undefined) {
    if (kind === "account") return { kind, engine: first, account: second };
    if (kind === "executor") return { kind, executor: first, engine: second };
    return { kind: "unknown", name };
  }
  const priority = CLASSES.find((each) => each === first);
  if (kind === "class" && priority) return { kind, class: priority };
  if (kind === "engine") return { kind, engine: first };
  if (kind === "agent") return { kind, agent: first };
  if (kind === "label") return { kind, label: first };
  return { kind: "unknown", name };
}

/** A scope for people. */
export function scopeWords(scope: Scope): string {
  switch (scope.kind) {
    case "all":
      return "everything";
    case "label":
      return `label ${labelOf(scope.label).join("=")}`;
    case "account":
      return loginWords(scope);
    case "executor":
      return `${scope.engine} at executor ${scope.executor}`;
    case "emergency":
    case "class":
    case "engine":
    case "agent":
    case "unknown":
    default:
      return scopeName(scope).replace("/", " ");
  }
}

/** The login of an engine for people. An installation with one login has no name for it. */
export const loginWords = ({ engine, account }: { readonly engine: string; readonly account: string }): string =>
  account === "" ? `the login of ${engine}` : `the login ${account} of ${engine}`;
