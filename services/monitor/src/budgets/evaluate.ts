import { EVENT_WORDS } from "@ccsp/events";
import type { Client } from "@ccsp/grpc-kit";
import { UsageThreshold } from "@ccsp/protos/ccsp/event/v1/event.js";
import { BudgetHold } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Entry, StateStore } from "../state/state-store.js";
import { periodAt } from "../usage/domain/period.js";
import type { UsageStore } from "../usage/domain/usage-store.js";
import { type Budget, counterOf, isUsedUp, limitWords, type Standing, shareToTell } from "./domain/budget.js";
import { ACTIONS, scopeOf } from "./messages.js";
import type { Standings } from "./standings.js";
import { isLater } from "./stored.js";

export interface EvaluateOptions {
  readonly state: StateStore<Budget>;
  readonly usage: Pick<UsageStore, "readCounters" | "dropCounters">;
  readonly standings: Standings;
  readonly queue: Pick<Client<QueueServiceService>, "setBudgetHolds">;
  readonly now: () => Date;
}

/** The same holds are sent again after this time. It heals what a failed call left, and tells that a monitor runs. */
const REPEAT_MS = 5_000;
const CALL_MS = 3_000;
/** Counters of a period that has ended stay this long, for events that come late. */
const LATE_MS = 24 * 60 * 60 * 1000;
const PRUNE_MS = 60_000;

/**
 * Returns one turn of the leader: it reports the shares that were reached, and sends the queue the budgets that are
 * used up. What must happen once is decided by the state of the budget, so two leaders for a moment do no harm.
 */
export function createEvaluation({ state, usage, standings, queue, now }: EvaluateOptions) {
  let sent: { readonly holds: string; readonly ms: number } | undefined;
  let prunedMs = 0;
  const openedMs = now().getTime();

  async function turn(stop: AbortSignal): Promise<void> {
    // The counters are read first: each of them then belongs to a budget that is read, or that was deleted.
    const counters = await usage.readCounters();
    const entries = await state.list();
    const at = now();
    const all = await standings(
      entries.map(({ value }) => value),
      counters,
      at,
      { anew: true },
    );
    const usedUp = all.filter(isUsedUp);
    const holds = {
      holds: usedUp.filter(({ budget }) => !isLater(budget.holder)).map(holdOf),
      laterHolds: usedUp.filter(({ budget }) => isLater(budget.holder)).map(holdOf),
    };
    const json = JSON.stringify(holds);
    const send = async (): Promise<void> => {
      // A clock that went back must not stop the repeats until it catches up.
      if (sent?.holds === json && Math.abs(at.getTime() - sent.ms) < REPEAT_MS) return;
      await queue.setBudgetHolds(holds, { timeoutMs: CALL_MS, signal: stop });
      sent = { holds: json, ms: at.getTime() };
    };
    const tellAll = async (): Promise<void> => {
      for (const [i, standing] of all.entries()) {
        const entry = entries[i];
        if (entry) await tell(entry, standing, at);
      }
    };
    // People are notified also while the queue is away.
    await Promise.all([send(), tellAll()]);
    if (Math.abs(at.getTime() - prunedMs) >= PRUNE_MS) {
      prunedMs = at.getTime();
      const names = await state.names();
      await usage.dropCounters([...counters.keys()].filter((name) => !isLive(name, entries, at.getTime(), names)));
    }
  }

  async function tell(entry: Entry<Budget>, standing: Standing, time: Date): Promise<void> {
    const threshold = shareToTell(standing);
    if (threshold === undefined) return;
    const { budget, period, share } = standing;
    const value = UsageThreshold.fromPartial({
      kindEnum: EVENT_WORDS.kind.budget,
      name: budget.name,
      threshold,
      share,
      periodStartTime: new Date(period.startMs),
      periodEndTime: new Date(period.endMs),
      actionEnum: EVENT_WORDS.action[threshold >= 1 ? budget.action : "warn"],
    });
    const { holder } = budget;
    // A conflict means that another call has changed the budget: the next turn decides again.
    await state.change({
      name: entry.name,
      before: entry,
      after: { ...budget, told: { periodStartMs: period.startMs, share: threshold } },
      events: [
        {
          key: `budget/${counterOf(budget, period)}/${threshold}`,
          time,
          data: { $case: "usageThreshold", value },
          ...(holder.kind === "agent" && { agentId: holder.agent }),
        },
      ],
    });
  }

  return {
    turn,
    /** Time in ms since the queue has last accepted the holds from this replica. */
    ageMs: (at: Date): number => at.getTime() - (sent?.ms ?? openedMs),
  };
}

function holdOf({ budget, period }: Standing): BudgetHold {
  return BudgetHold.fromPartial({
    budget: budget.name,
    scope: scopeOf(budget.holder),
    action: ACTIONS[budget.action],
    limit: limitWords(budget),
    endTime: new Date(period.endMs),
    // Runs under way use up dollars and tokens. A request is made when its run begins, so nothing is saved by a stop.
    holdsRuns: budget.unit !== "requests",
  });
}

/** `names` are those of all budgets, also of those that a newer release has stored and this one cannot read. */
function isLive(
  counter: string,
  entries: readonly Entry<Budget>[],
  nowMs: number,
  names: ReadonlySet<string>,
): boolean {
  const [name = "", countFrom, start] = counter.split("/");
  const budget = entries.find((entry) => entry.name === name)?.value;
  if (budget === undefined) return names.has(name);
  if (String(budget.countFromMs) !== countFrom) return false;
  return periodAt(budget.period, budget.timeZone, Number(start)).endMs > nowMs - LATE_MS;
}
