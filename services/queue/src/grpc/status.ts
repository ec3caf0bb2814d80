import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { emergencyState } from "../domain/emergency/emergency-stop.js";
import type { EmergencyStore } from "../domain/emergency/emergency-store.js";
import { type ExecutorStore, LATELY_MS } from "../domain/executors/executor-store.js";
import type { GateReads } from "../domain/gates/gate-store.js";
import { isClosed, type Scope, scopes } from "../domain/gates/gates.js";
import type { SpecLimits } from "../domain/intake/validate.js";
import type { StatusStore } from "../domain/status/status-store.js";
import type { Clock } from "../domain/task/clock.js";
import { toDuration } from "../messages/duration.js";
import { toEmergencyStatus } from "../messages/emergency-message.js";
import { toGateMessage } from "../messages/gate-message.js";
import { priorityOf } from "../messages/words.js";

const MOST_AGENTS = 100;

export type StatusReadStore = StatusStore & ExecutorStore & GateReads & EmergencyStore & Clock;

/** What waits and runs, and who is there. */
export async function readStatus(store: StatusReadStore, limits: SpecLimits): Promise<GetStatusResponse> {
  const [depths, agents, counts, executors, gates, nowMs, emergency] = await Promise.all([
    store.depths(),
    store.agentLoads(MOST_AGENTS),
    store.counts(),
    store.executors(LATELY_MS),
    store.gates(),
    store.now(""),
    emergencyState(store),
  ]);
  const closed = (...scopes: Scope[]): boolean => scopes.some((scope) => isClosed(gates.get(scope), nowMs));
  return {
    depths: depths.map(({ engine, class: priority, waiting, oldestAgeMs, running, parked }) => ({
      engine,
      priority: priorityOf(priority),
      waiting: BigInt(waiting),
      oldestAge: oldestAgeMs === undefined ? undefined : toDuration(oldestAgeMs),
      running: BigInt(running),
      parked: BigInt(parked),
      paused: closed(scopes.emergency, scopes.all, scopes.engine(engine), scopes.class(priority)),
    })),
    leased: BigInt(counts.leased),
    parked: BigInt(counts.parked),
    ended: BigInt(counts.ended),
    engines: [...limits.engines],
    executors: executors.map(({ id, leases, seenMs, draining, offers }) => ({
      executorId: id,
      leases,
      lastSyncTime: new Date(seenMs),
      draining,
      engines: [...offers],
    })),
    maxPromptBytes: BigInt(limits.maxPromptBytes),
    scheduled: BigInt(counts.scheduled),
    gates: [...gates].flatMap(([scope, gate]) => toGateMessage(scope, gate, nowMs) ?? []),
    emergency: emergency && toEmergencyStatus(emergency),
    agents: agents.map(({ agent, waiting, running }) => ({
      agentId: agent,
      waiting: BigInt(waiting),
      running: BigInt(running),
      paused: closed(scopes.agent(agent)),
    })),
    waitingBytes: BigInt(counts.waitingBytes),
  };
}
