import {
  EmergencyLevel,
  type EmergencyStatus,
  type Gate,
  type GetStatusResponse,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { seconds } from "./describe.js";
import { scopeName } from "./gate-scope.js";
import { className } from "./priority.js";

/** The status of the queue for people. Empty parts are left out. */
export function queueLines(status: GetStatusResponse): string[] {
  const { leased, parked, scheduled, ended, depths, gates, agents, executors, emergency } = status;
  const lines = [`queue: ${leased} running, ${parked} parked, ${scheduled} scheduled, ${ended} ended`];
  if (emergency) lines.push(...emergencyLines(emergency));
  for (const { engine, priority, waiting, oldestAge, running, parked: timed, paused } of depths) {
    if (waiting + running + timed === 0n && !paused) continue;
    const oldest = waiting > 0n ? ` (oldest ${seconds(oldestAge)})` : "";
    const facts = `${waiting} waiting${oldest}, ${running} running, ${timed} for later`;
    lines.push(`  ${engine} ${className(priority)}: ${facts}${paused ? ", paused" : ""}`);
  }
  for (const gate of gates) if (gate.scope?.scope?.$case !== "emergency") lines.push(`  ${gateLine(gate)}`);
  for (const { agentId, waiting, running, paused } of agents) {
    lines.push(`  agent ${agentId}: ${waiting} waiting, ${running} running${paused ? ", paused" : ""}`);
  }
  for (const { executorId, leases, draining, engines } of executors) {
    const offers = engines.map(({ engine, freeSlots, slots }) => `, ${engine} ${freeSlots} of ${slots} free`).join("");
    lines.push(`  executor ${executorId}: ${leases} leases${offers}${draining ? ", draining" : ""}`);
  }
  return lines;
}

/** The emergency stop, and what each executor reports that it ended. */
export function emergencyLines({ level, who, why, time, receipts }: EmergencyStatus): string[] {
  const name = EmergencyLevel[level]?.toLowerCase().replace("_", "-") ?? `level ${level}`;
  const lines = [`EMERGENCY STOP (${name}) by ${who} since ${time?.toISOString() ?? "an unknown time"}: ${why}`];
  for (const { executorId, receipt } of receipts) {
    const said = receipt ? `${receipt.ended.length} runs ended, ${receipt.remaining} left` : "has not answered";
    lines.push(`  executor ${executorId}: ${said}`);
  }
  return lines;
}

export function gateLine({ scope, who, why, openTime, rampEndTime }: Gate): string {
  const until = openTime ? `, until ${openTime.toISOString()}` : "";
  const how = rampEndTime ? `opens gradually until ${rampEndTime.toISOString()}` : `paused${until}`;
  return `${scopeName(scope)}: ${how}, by ${who}: ${why}`;
}
