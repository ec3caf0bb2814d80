import { setImmediate } from "node:timers/promises";
import { invalidFields, Refusal } from "@ccsp/errors";
import type { Handlers } from "@ccsp/grpc-kit";
import type { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { Budget as BudgetMessage, type BudgetStanding as StandingMessage } from "@ccsp/protos/ccsp/usage/v1/budgets.js";
import type { StateStore } from "../state/state-store.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { type Budget, changedBudget } from "./domain/budget.js";
import { MOST_BUDGETS, readBudget } from "./domain/read-budget.js";
import type { ExhaustTimeOf } from "./exhaust-time.js";
import { askedBudget, standingMessage } from "./messages.js";
import type { Standings } from "./standings.js";

export interface BudgetHandlerOptions {
  readonly state: StateStore<Budget>;
  readonly usage: Pick<UsageStore, "readCounters">;
  readonly standings: Standings;
  readonly exhaustTimeOf: ExhaustTimeOf;
  /** The keys of the labels that usage counts by. */
  readonly allowedLabels: readonly string[];
  readonly now: () => Date;
  /** Resolves when every replica knows a budget that was put before. */
  readonly untilKnown: () => Promise<void>;
}

type Rpc = "putBudget" | "deleteBudget" | "listBudgets";

export function budgetHandlers(options: BudgetHandlerOptions): Pick<Handlers<MonitorServiceService>, Rpc> {
  const { state, usage, standings, exhaustTimeOf, allowedLabels, now, untilKnown } = options;
  const messagesOf = async (choose: (budget: Budget) => boolean) => {
    const counters = await usage.readCounters();
    const budgets = (await state.list()).map(({ value }) => value).filter(choose);
    const at = now();
    const all = await standings(budgets, counters, at);
    const messages: StandingMessage[] = [];
    for (const standing of all) {
      messages.push(standingMessage(standing, await exhaustTimeOf(standing, at)));
      // A forecast takes milliseconds of the processor. Other calls get their turn between two of them.
      await setImmediate();
    }
    return messages;
  };
  return {
    async putBudget({ budget, who }) {
      const terms = readBudget(askedBudget(budget ?? BudgetMessage.fromPartial({})));
      for (;;) {
        const before = await state.get(terms.name);
        if (before === undefined && (await state.names()).size >= MOST_BUDGETS) {
          const description = `there are ${MOST_BUDGETS} budgets: delete one first`;
          throw invalidFields([{ field: "budget.name", description }]);
        }
        const nowMs = now().getTime();
        const after = changedBudget(terms, before?.value, { who, nowMs, allowedLabels });
        if ((await state.change({ name: terms.name, before, after })) === "conflict") continue;
        // Counters that begin now have nothing of a run that a replica handles before it knows of them.
        if (after.countFromMs === nowMs) await untilKnown();
        break;
      }
      const [standing] = await messagesOf(({ name }) => name === terms.name);
      return { standing };
    },

    async deleteBudget({ name }) {
      if ((await state.remove(name)) === undefined) throw budgetNotFound(name);
      return {};
    },

    listBudgets: async ({ agentId }) => ({
      budgets: await messagesOf(
        ({ holder }) => agentId === "" || (holder.kind === "agent" && holder.agent === agentId),
      ),
    }),
  };
}

const budgetNotFound = (name: string): Refusal =>
  new Refusal("BUDGET_NOT_FOUND", "there is no budget of this name", { metadata: { budget: name.slice(0, 64) } });
