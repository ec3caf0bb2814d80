import type { GetStatusResponse, QueueMinute } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { isClosed } from "../domain/gates/gates.js";
import { readScope, type Scope, scopeName } from "../domain/gates/scope.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import type { Status } from "../domain/status/status.js";
import type { Minute } from "../domain/status/status-store.js";
import { toEmergencyStatus } from "./emergency-message.js";
import { toGateMessage, toGateScope } from "./gate-message.js";
import { priorityOf } from "./words.js";

const ALL = { kind: "all" } as const satisfies Scope;
const EMERGENCY: Scope = { kind: "emergency" };

/** The status as a message of the contract. */
export function toStatusMessage(
  { depths, agents, counts, executors, gates, nowMs, emergency, caps }: Status,
  limits: SpecLimits,
): GetStatusResponse {
  const closed = (...scopes: Scope[]): boolean => scopes.some((scope) => isClosed(gates.get(scopeName(scope)), nowMs));
  /** Whether budgets hold every login of the engine. */
  const isHeldByBudgets = (engine: string): boolean => {
    const offers = executors.flatMap((each) => (each.draining ? [] : each.offers));
    const accounts = offers.flatMap((offer) => (offer.engine === engine ? [offer.account] : []));
    return (
      accounts.length > 0 &&
      accounts.every((account) => closed({ kind: "budget", of: { kind: "account", engine, account } }))
    );
  };
  return {
    depths: depths.map(({ engine, class: priority, waiting, oldestAgeMs, running, parked }) => ({
      engine,
      priority: priorityOf(priority),
      waiting: BigInt(waiting),
      oldestAge: oldestAgeMs === undefined ? undefined : toDuration(oldestAgeMs),
      running: BigInt(running),
      parked: BigInt(parked),
      paused:
        closed(
          EMERGENCY,
          ALL,
          { kind: "budget", of: ALL },
          { kind: "engine", engine },
          { kind: "budget", of: { kind: "engine", engine } },
          { kind: "class", class: priority },
        ) || isHeldByBudgets(engine),
    })),
    leased: BigInt(counts.leased),
    parked: BigInt(counts.parked),
    ended: BigInt(counts.ended),
    engines: [...limits.engines],
    executors: executors.map(({ id, leases, seenMs, draining, offers, address }) => ({
      executorId: id,
      leases,
      lastSyncTime: new Date(seenMs),
      draining,
      engines: offers.map(({ engine, account, freeSlots, slots, version }) => ({
        engine,
        account,
        freeSlots,
        slots,
        version,
      })),
      address,
      slotChanges: offers.flatMap(({ engine, slotChange }) => {
        if (slotChange === undefined) return [];
        const { timeMs, ...change } = slotChange;
        return [{ engine, ...change, time: new Date(timeMs) }];
      }),
    })),
    maxPromptBytes: BigInt(limits.maxPromptBytes),
    scheduled: BigInt(counts.scheduled),
    gates: [...gates].flatMap(([name, gate]) => toGateMessage(readScope(name), gate, nowMs) ?? []),
    emergency: emergency && toEmergencyStatus(emergency),
    agents: agents.map(({ agent, waiting, running }) => ({
      agentId: agent,
      waiting: BigInt(waiting),
      running: BigInt(running),
      paused: closed({ kind: "agent", agent }, { kind: "budget", of: { kind: "agent", agent } }),
    })),
    waitingBytes: BigInt(counts.waitingBytes),
    waiting: BigInt(counts.waiting),
    caps: caps.map(({ scope, running, waiting }) => ({
      scope: toGateScope(scope),
      running: BigInt(running),
      waiting: BigInt(waiting),
    })),
  };
}

export const toMinuteMessage = ({ minute, running, waiting, parked }: Minute): QueueMinute => ({
  time: new Date(minute * 60_000),
  running: BigInt(running),
  waiting: BigInt(waiting),
  parked: BigInt(parked),
});
