import { Refusal } from "@ccsp/errors";
import type { Clock } from "../task/clock.js";
import type { GateStore } from "./gate-store.js";
import { type Gate, isClosed, type UsedBudget } from "./gates.js";
import { type BudgetScope, readScope, type Scope, scopeName, scopeWords } from "./scope.js";

/** A budget that is used up, and the tasks that it holds. */
export interface BudgetHold extends UsedBudget {
  readonly of: BudgetScope;
}

/** Who has closed the gates of budgets. */
const WHO = "budget";

/**
 * Makes `holds` the whole set. Each scope has one gate for all its budgets, beside the gate that a person may close. A
 * repeated call changes nothing. Holds whose time has passed are left out.
 */
export async function setBudgetHolds(store: GateStore & Clock, holds: readonly BudgetHold[]): Promise<void> {
  const [gates, nowMs] = [await store.gates(), await store.now("")];
  const wanted = new Map<string, { readonly scope: Scope; readonly budgets: UsedBudget[] }>();
  for (const { of, ...budget } of holds) {
    if (budget.until <= nowMs) continue;
    const scope: Scope = { kind: "budget", of };
    const { budgets } = wanted.get(scopeName(scope)) ?? { budgets: [] };
    wanted.set(scopeName(scope), { scope, budgets: [...budgets, budget] });
  }
  const open = async (name: string, gate: Gate): Promise<void> => {
    const scope = readScope(name);
    if (scope.kind === "budget" && !wanted.has(name) && isClosed(gate, nowMs)) await store.openGate(scope);
  };
  const close = async (name: string, { scope, budgets }: { scope: Scope; budgets: readonly UsedBudget[] }) => {
    const gate = { who: WHO, why: wordsOf(budgets), opens: Math.max(...budgets.map(({ until }) => until)), budgets };
    const before = gates.get(name);
    const same = before?.why === gate.why && before.opens === gate.opens && runsHeld(before) === runsHeld(gate);
    if (isClosed(before, nowMs) && same) return;
    await store.closeGate({ scope, gate, how: "replace", announced: false });
  };
  await Promise.all([...gates].map(([name, gate]) => open(name, gate)));
  await Promise.all([...wanted].map(([name, each]) => close(name, each)));
  await store.noteHolds();
}

/** A monitor of 0.3.0 holds no runs. So this can change while a budget is used up. */
const runsHeld = ({ budgets = [] }: Pick<Gate, "budgets">): number => budgets.filter((each) => each.holdsRuns).length;

/** All that people read of the budgets. */
const wordsOf = (budgets: readonly UsedBudget[]): string =>
  budgets
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((each) => `${usedUp(each)}, so new tasks ${each.action === "refuse" ? "are refused" : "wait"}`)
    .join("; ");

/** Says in words that a budget is used up. */
export const usedUp = ({ name, limit, until }: UsedBudget): string =>
  `budget ${name} (${limit}) is used up until ${new Date(until).toISOString().replace(".000", "")}`;

/** The budgets of a gate that hold at this time. */
export const heldBy = (gate: Gate | undefined, nowMs: number): readonly UsedBudget[] =>
  isClosed(gate, nowMs) ? (gate.budgets ?? []).filter(({ until }) => until > nowMs) : [];

/** BUDGET_EXHAUSTED, for a new task that the budgets of this gate refuse. */
export function budgetExhausted(name: string, gate: Gate, nowMs: number): Refusal {
  const scope = readScope(name);
  const refusing = heldBy(gate, nowMs).filter(({ action }) => action === "refuse");
  const untilMs = Math.max(nowMs, ...refusing.map(({ until }) => until));
  const whose = scope.kind === "budget" ? scopeWords(scope.of) : name;
  return new Refusal("BUDGET_EXHAUSTED", `of ${whose}: ${refusing.map(usedUp).join("; ")}`, {
    metadata: { budget: refusing[0]?.name ?? "", period_end: new Date(untilMs).toISOString() },
    retryAfterMs: untilMs - nowMs,
    quota: refusing.map((each) => ({
      subject: `budget ${each.name} of ${whose}`,
      description: `at most ${each.limit}`,
    })),
  });
}
