import { labelOf } from "../task/labels.js";
import { CLASSES, type PriorityClass } from "../task/task.js";

/** The tasks that a gate blocks. */
export type Scope =
  | { readonly kind: "all" }
  /** See `EmergencyStore`. */
  | { readonly kind: "emergency" }
  | { readonly kind: "class"; readonly class: PriorityClass }
  | { readonly kind: "engine"; readonly engine: string }
  | { readonly kind: "agent"; readonly agent: string }
  /** `label` has the form of `labelName`. */
  | { readonly kind: "label"; readonly label: string }
  | { readonly kind: "account"; readonly engine: string; readonly account: string }
  /** The tasks that ask for this model. `model` has the form of `labelName`. Only budgets close it. */
  | { readonly kind: "model"; readonly model: string }
  /** Only CCSP closes this one: the executor cannot start the engine. */
  | { readonly kind: "executor"; readonly executor: string; readonly engine: string }
  /** The budgets of this holder that are used up; see `setBudgetHolds`. */
  | { readonly kind: "budget"; readonly of: BudgetScope }
  /** A kind that this release does not know. Its gate stays stored and is not shown. */
  | { readonly kind: "unknown"; readonly name: string };

/** The tasks of the holder of a budget. */
export type BudgetScope =
  | { readonly kind: "all" }
  | { readonly kind: "agent"; readonly agent: string }
  | { readonly kind: "label"; readonly label: string }
  | { readonly kind: "model"; readonly model: string }
  | { readonly kind: "engine"; readonly engine: string }
  | { readonly kind: "account"; readonly engine: string; readonly account: string };

const OF_BUDGETS: ReadonlySet<Scope["kind"]> = new Set<BudgetScope["kind"]>([
  ...(["all", "agent", "label", "model", "engine", "account"] as const),
]);
export const isBudgetScope = (scope: Scope | undefined): scope is BudgetScope =>
  scope !== undefined && OF_BUDGETS.has(scope.kind);

const BUDGET = "budget/";

/**
 * The name under which a scope is stored, such as `engine/claude-code`. The counts of running tasks use the same names.
 */
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
    case "model":
      return `model/${scope.model}`;
    case "account":
      return `account/${scope.engine}/${scope.account}`;
    case "executor":
      return `executor/${scope.executor}/${scope.engine}`;
    case "budget":
      return `${BUDGET}${scopeName(scope.of)}`;
    case "unknown":
    default:
      return scope.name;
  }
}

/** The scope of a stored name. For any name, `scopeName` of this scope is the same name again. */
export function readScope(name: string): Scope {
  if (name === "all" || name === "emergency") return { kind: name };
  if (name.startsWith(BUDGET)) {
    const of = readScope(name.slice(BUDGET.length));
    if (isBudgetScope(of)) return { kind: "budget", of };
  }
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
  if (kind === "model") return { kind, model: first };
  return { kind: "unknown", name };
}

/** A scope in words for people. */
export function scopeWords(scope: Scope): string {
  switch (scope.kind) {
    case "all":
      return "everything";
    case "label":
      return `label ${labelOf(scope.label).join("=")}`;
    case "model":
      return `model ${labelOf(scope.model)[0]}`;
    case "account":
      return loginWords(scope);
    case "executor":
      return `${scope.engine} at executor ${scope.executor}`;
    case "budget":
      return `the budget of ${scopeWords(scope.of)}`;
    case "emergency":
    case "class":
    case "engine":
    case "agent":
    case "unknown":
    default:
      return scopeName(scope).replace("/", " ");
  }
}

/** The login of an engine in words for people. An installation with a single login gives it no name. */
export const loginWords = ({ engine, account }: { readonly engine: string; readonly account: string }): string =>
  account === "" ? `the login of ${engine}` : `the login ${account} of ${engine}`;
