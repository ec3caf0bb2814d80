import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { emergencyState } from "../domain/emergency-stop.js";
import type { TaskStore } from "../domain/store.js";
import type { SpecLimits } from "../domain/validate.js";
import { toDuration } from "../messages/duration.js";
import { toEmergencyStatus } from "../messages/emergency-message.js";
import { toGateMessage } from "../messages/gate-message.js";
import { priorityOf } from "../messages/words.js";

// Several missed calls: an idle executor calls at least every 20 s.
const LATELY_MS = 60_000;

/** What waits and runs, and who is there. */
export async function readStatus(store: TaskStore, limits: SpecLimits): Promise<GetStatusResponse> {
  const [depths, counts, executors, gates, nowMs, emergency] = await Promise.all([
    store.depths(),
    store.counts(),
    store.executors(LATELY_MS),
    store.gates(),
    store.now(""),
    emergencyState(store),
  ]);
  return {
    depths: depths.map(({ engine, class: priority, waiting, oldestAgeMs }) => ({
      engine,
      priority: priorityOf(priority),
      waiting: BigInt(waiting),
      oldestAge: oldestAgeMs === undefined ? undefined : toDuration(oldestAgeMs),
    })),
    leased: BigInt(counts.leased),
    parked: BigInt(counts.parked),
    ended: BigInt(counts.ended),
    engines: [...limits.engines],
    executors: executors.map(({ id, leases, seenMs, draining }) => ({
      executorId: id,
      leases,
      lastSyncTime: new Date(seenMs),
      draining,
    })),
    maxPromptBytes: BigInt(limits.maxPromptBytes),
    scheduled: BigInt(counts.scheduled),
    gates: [...gates].flatMap(([scope, gate]) => toGateMessage(scope, gate, nowMs) ?? []),
    emergency: emergency && toEmergencyStatus(emergency),
    agents: [],
    waitingBytes: BigInt(counts.waitingBytes),
  };
}
