import { heldBy, usedUp } from "../gates/budget-holds.js";
import { type Gate, isClosed, opensForNext } from "../gates/gates.js";
import { type BudgetScope, loginWords, type Scope, scopeName, scopeWords } from "../gates/scope.js";
import { labelCap, type Order } from "../order/order.js";
import { ANSWERING } from "../task/alarm.js";
import { isEnded, isHeld } from "../task/task.js";
import { tasksBefore } from "./position.js";
import { rateWaitMs } from "./rates.js";
import type { ExecutorSlots, Situation, Standing, Waiting } from "./situation.js";

/** One reason why a task does not start. */
export interface Blocker {
  readonly kind:
    | "START_TIME"
    | "PARKED"
    | "GATE"
    | "BUDGET_EXHAUSTED"
    | "NO_EXECUTOR"
    | "AFFINITY"
    | "CAP"
    | "RATE"
    | "NO_SLOT"
    | "TURN";
  /** A sentence for people. */
  readonly message: string;
  /** When it ends by itself (ms since 1970), if this is known. */
  readonly untilMs?: number | undefined;
}

/**
 * All reasons why a task does not start, in the order in which they have to end. Empty when the task is next, is held
 * or has ended.
 */
export function blockersOf(task: Waiting, situation: Situation, order: Order): readonly Blocker[] {
  if (isHeld(task.state) || isEnded(task.state)) return [];
  const { here, around } = situation;
  const able = ableExecutors(around.executors, task.pin);
  const open = able.filter((each) => !isGated(each, task, here));
  return [
    ...gatesOf(task, here, able),
    ...timesOf(task),
    ...capsOf(task, here, order, open),
    ...ratesOf(task, here, order),
    ...accountRatesOf(task, here, order, open),
    ...slotsOf(task, situation, { able, open, order }),
  ];
}

/** Executors that would take the task if they had a free slot and no closed gate. */
export const ableExecutors = (executors: readonly ExecutorSlots[], pin: string | undefined): readonly ExecutorSlots[] =>
  executors.filter(({ id, slots, draining }) => slots > 0 && !draining && (pin === undefined || id === pin));

const freeSlots = (executors: readonly ExecutorSlots[]): number =>
  executors.reduce((sum, { slots, held }) => sum + Math.max(0, slots - held.length), 0);

const gatesBefore = ({ id, account }: ExecutorSlots, { engine }: Waiting): readonly Scope[] => [
  { kind: "account", engine, account },
  { kind: "budget", of: { kind: "account", engine, account } },
  { kind: "executor", executor: id, engine },
];

export const isGated = (executor: ExecutorSlots, task: Waiting, here: Standing): boolean =>
  gatesBefore(executor, task).some((scope) => closedBy(scope, here).length > 0);

function closedBy(scope: Scope, { gates, nowMs }: Standing): readonly Blocker[] {
  const gate = gates.get(scopeName(scope));
  if (gate === undefined) return [];
  if (scope.kind === "budget") return budgetsOf(scope.of, gate, nowMs);
  const untilMs = opensForNext(gate, nowMs);
  if (isClosed(gate, nowMs)) {
    const what = scope.kind === "emergency" ? "an emergency stop is in force" : `${scopeWords(scope)} is paused`;
    return [{ kind: "GATE", message: `${what}, by ${gate.who}: ${gate.why}`, untilMs }];
  }
  if (untilMs === undefined || untilMs <= nowMs) return [];
  return [{ kind: "GATE", message: `${scopeWords(scope)} was paused and resumes gradually`, untilMs }];
}

function gatesOf(task: Waiting, here: Standing, able: readonly ExecutorSlots[]): Blocker[] {
  const { engine, agent, class: priority, labels = [] } = task;
  const each = (...named: readonly Scope[]): Blocker[] => named.flatMap((scope) => closedBy(scope, here));
  return [
    ...each({ kind: "emergency" }, { kind: "all" }, { kind: "engine", engine }),
    ...everyExecutorShut(task, here, able),
    ...each({ kind: "class", class: priority }, { kind: "agent", agent }, ...labels.map(labelScope)),
    ...budgetScopes(task).flatMap((of) => budgetsOf(of, here.gates.get(scopeName({ kind: "budget", of })), here.nowMs)),
  ];
}

/** The scopes of budgets that hold a task at any executor. */
const budgetScopes = ({ agent, engine, model, labels = [] }: Waiting): readonly BudgetScope[] => [
  { kind: "all" },
  { kind: "engine", engine },
  { kind: "agent", agent },
  ...labels.map(labelScope),
  ...(model === undefined ? [] : [{ kind: "model", model } as const]),
];

const budgetsOf = (of: BudgetScope, gate: Gate | undefined, nowMs: number): Blocker[] =>
  heldBy(gate, nowMs).map((budget) => ({
    kind: "BUDGET_EXHAUSTED" as const,
    message: `of ${scopeWords(of)}: ${usedUp(budget)}`,
    untilMs: budget.until,
  }));

const labelScope = (label: string): BudgetScope => ({ kind: "label", label });

/**
 * A gate of a login or an executor is a blocker only when every able executor is behind one. It ends when all gates of
 * one executor have opened.
 */
function everyExecutorShut(task: Waiting, here: Standing, able: readonly ExecutorSlots[]): Blocker[] {
  const shut = able.map((each) => gatesBefore(each, task).flatMap((scope) => closedBy(scope, here)));
  if (shut.length === 0 || shut.some((closed) => closed.length === 0)) return [];
  const ends = shut.map((closed) => Math.max(...closed.map(({ untilMs }) => untilMs ?? Number.POSITIVE_INFINITY)));
  const first = Math.min(...ends);
  const all = shut.flat();
  return [
    {
      kind: all.every(({ kind }) => kind === "BUDGET_EXHAUSTED") ? "BUDGET_EXHAUSTED" : "GATE",
      message: [...new Set(all.map(({ message }) => message))].join("; "),
      untilMs: Number.isFinite(first) ? first : undefined,
    },
  ];
}

function timesOf({ state, ready, error }: Waiting): Blocker[] {
  if (state === "SCHEDULED") return [{ kind: "START_TIME", message: "its start time has not come", untilMs: ready }];
  if (state !== "PARKED") return [];
  const after = error === undefined ? "" : ` after ${error.category}`;
  return [{ kind: "PARKED", message: `it is parked${after} until it is tried again`, untilMs: ready }];
}

function capsOf(task: Waiting, here: Standing, order: Order, open: readonly ExecutorSlots[]): Blocker[] {
  const { agent, engine, labels = [] } = task;
  const blockers: Blocker[] = [];
  const runningIn = (scope: Scope): number => here.running.get(scopeName(scope)) ?? 0;
  const check = (scope: Scope, cap: number, whose = scopeWords(scope)): void => {
    const running = runningIn(scope);
    const message = `${running} tasks of ${whose} run, of at most ${cap} at once`;
    if (running >= cap) blockers.push({ kind: "CAP", message });
  };
  if (order.agentMaxRunning > 0) check({ kind: "agent", agent }, order.agentMaxRunning);
  for (const label of labels) {
    const cap = labelCap(order, label);
    if (cap !== undefined) check(labelScope(label), cap);
  }
  const bounded = new Set(open.map(({ account }) => account));
  const isFull = (account: string): boolean =>
    runningIn({ kind: "account", engine, account }) >= (here.bounds.get(account) ?? Number.POSITIVE_INFINITY);
  if (bounded.size > 0 && [...bounded].every(isFull)) {
    for (const account of bounded) {
      const scope: Scope = { kind: "account", engine, account };
      check(scope, here.bounds.get(account) ?? 0, `${scopeWords(scope)}, whose provider was overloaded,`);
    }
  }
  return blockers;
}

function ratesOf({ engine, agent }: Waiting, here: Standing, { engineRates, agentRates }: Order): Blocker[] {
  const limits = [
    { kind: "engine", name: engine, rates: engineRates },
    { kind: "agent", name: agent, rates: agentRates },
  ] as const;
  return limits.flatMap(({ kind, name, rates }) => {
    const waitMs = rateWaitMs(here, { kind, name, rates }, 1);
    const message = `the rate limit of ${kind} ${name} is used up`;
    return waitMs > 0 ? [{ kind: "RATE" as const, message, untilMs: here.nowMs + waitMs }] : [];
  });
}

/** The rate of a login is a blocker only when the rate of every open login is used up. The first that refills ends it. */
function accountRatesOf({ engine }: Waiting, here: Standing, { accountRates }: Order, open: readonly ExecutorSlots[]) {
  const waits = [...new Set(open.map(({ account }) => account))].map((account) => {
    const name = `${engine}/${account}`;
    return { account, waitMs: rateWaitMs(here, { kind: "account", name, rates: accountRates }, 1) };
  });
  if (waits.length === 0 || waits.some(({ waitMs }) => waitMs === 0)) return [];
  const whose = waits.map(({ account }) => loginWords({ engine, account })).join(" and ");
  const untilMs = here.nowMs + Math.min(...waits.map(({ waitMs }) => waitMs));
  return [{ kind: "RATE" as const, message: `the rate limit of ${whose} is used up`, untilMs }];
}

function slotsOf(
  task: Waiting,
  situation: Situation,
  { able, open, order }: { able: readonly ExecutorSlots[]; open: readonly ExecutorSlots[]; order: Order },
): Blocker[] {
  const { engine, pin, pinMs, created } = task;
  const { here, around } = situation;
  const free = freeSlots(open);
  if (pin !== undefined) {
    const why = able.length === 0 ? `which does not offer ${engine} now` : "which has no free slot";
    const untilMs = pinMs === undefined ? undefined : created + pinMs;
    const whom = pin === ANSWERING ? "its answer from the cache" : `executor ${pin}, ${why}`;
    return free > 0 ? [] : [{ kind: "AFFINITY", message: `it waits for ${whom}`, untilMs }];
  }
  if (able.length === 0) {
    const drain = around.executors.some(({ draining }) => draining) ? ": those that did are draining" : "";
    return [{ kind: "NO_EXECUTOR", message: `no executor offers ${engine}${drain}` }];
  }
  const blockers: Blocker[] = [];
  const slots = able.reduce((sum, each) => sum + each.slots, 0);
  if (freeSlots(able) === 0) blockers.push({ kind: "NO_SLOT", message: `all ${slots} slots for ${engine} are taken` });
  const before = tasksBefore(task, situation, order);
  if (before === 0 || before < free) return blockers;
  // At its bound, an urgent task still takes turns. So the bound matters only when other tasks have their turn before
  // it.
  const running = here.running.get(`urgent/${engine}`) ?? 0;
  if (task.class === "urgent" && order.urgentMax > 0 && running >= order.urgentMax) {
    const message = `${running} urgent tasks of ${engine} run, and no more than ${order.urgentMax} may overtake`;
    blockers.unshift({ kind: "CAP", message });
  }
  const own = here.aheadOfAgent === 0 ? "" : `, ${here.aheadOfAgent} of them its own agent's`;
  blockers.push({ kind: "TURN", message: `${before} tasks have their turn before it${own}` });
  return blockers;
}
