import type { Client } from "@ccsp/grpc-kit";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { RedisClient } from "@ccsp/redis-kit";
import { pause } from "@ccsp/timing";
import type { Logger } from "pino";
import { exportedSignal, type SignalSource } from "../signals/signal.js";
import type { Duty } from "../state/leader.js";
import { openState } from "../state/state-store.js";
import type { Run } from "../usage/domain/run.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { countersOf } from "./domain/budget.js";
import { createEvaluation } from "./evaluate.js";
import type { ExhaustTimeOf } from "./exhaust-time.js";
import { budgetHandlers } from "./handlers.js";
import { createKnownBudgets, KNOWN_MS } from "./known-budgets.js";
import { createStandings } from "./standings.js";
import { budgetJson, parseBudget } from "./stored.js";
import { createUnderWay } from "./under-way.js";

export interface BudgetsOptions {
  readonly redis: RedisClient;
  readonly log: Logger;
  readonly usage: UsageStore;
  readonly queue: Pick<Client<QueueServiceService>, "setBudgetHolds" | "list">;
  /** The keys of the labels that usage counts by. */
  readonly allowedLabels: readonly string[];
  readonly exhaustTimeOf?: ExhaustTimeOf;
  readonly now?: () => Date;
  readonly untilKnown?: () => Promise<void>;
}

/** How often the leader looks where budgets stand. It is the longest that an exhausted budget goes unnoticed. */
const EVERY_MS = 1_000;

const METRICS = [
  exportedSignal({
    name: "budget_used_ratio",
    help: "Used share of a budget in its present period; 1: used up",
    labels: { budget: "budgets of the installation" },
  }),
  exportedSignal({
    name: "budget_state_age_seconds",
    help: "Time since the queue has last accepted which budgets are used up",
    labels: {},
  }),
];

const openBudgetState = (redis: RedisClient, log: Logger) =>
  openState({ redis, log, part: "budgets", parse: parseBudget, toJson: budgetJson });

/** Says to which counters of budgets a run adds. It knows each budget at most a second after it was put. */
export function openBudgetCounters(redis: RedisClient, log: Logger): () => Promise<(run: Run) => readonly string[]> {
  const known = createKnownBudgets(openBudgetState(redis, log));
  return async () => {
    const budgets = await known();
    return (run) => countersOf(budgets, run);
  };
}

/** Budgets: their RPCs, the duty that enforces them, and their signals. */
export function openBudgets(options: BudgetsOptions) {
  const {
    redis,
    log,
    usage,
    queue,
    allowedLabels,
    exhaustTimeOf = async () => undefined,
    now = () => new Date(),
    untilKnown = () => pause(KNOWN_MS),
  } = options;
  const state = openBudgetState(redis, log);
  const standings = createStandings({ usage, underWay: createUnderWay({ queue, log, now }) });
  const evaluation = createEvaluation({ state, usage, standings, queue, now });
  const duty: Duty = { name: "budgets", everyMs: EVERY_MS, turn: evaluation.turn };
  const signals: SignalSource = {
    metrics: METRICS,
    async read(at) {
      const counters = await usage.readCounters();
      const budgets = (await state.list()).map(({ value }) => value);
      const shares = (await standings(budgets, counters, at)).map(({ budget, share }) => ({
        metric: "budget_used_ratio",
        labels: { budget: budget.name },
        value: share,
      }));
      return [...shares, { metric: "budget_state_age_seconds", labels: {}, value: evaluation.ageMs(at) / 1000 }];
    },
  };
  const handlers = budgetHandlers({ state, usage, standings, exhaustTimeOf, allowedLabels, now, untilKnown });
  return { handlers, duties: [duty], signals };
}
