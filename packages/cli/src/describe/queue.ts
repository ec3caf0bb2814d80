import { EmergencyLevel, type EmergencyStatus } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { Gate } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import { scopeName } from "../options/gate-scope.js";
import type { OutputOptions } from "../output/format.js";
import { sayTable } from "../output/show.js";
import type { Column } from "../output/table.js";
import { count, grouped, zonedTime } from "../output/words.js";
import { type Io, say } from "../process/io.js";
import { AGENT_COLUMNS, DEPTH_COLUMNS, GATE_COLUMNS, isBusy, OFFER_COLUMNS } from "../tables/queue.js";

/** Prints the status of the queue for people: a table for each part that has anything in it. */
export async function sayQueue(io: Io, options: OutputOptions, status: GetStatusResponse): Promise<void> {
  const { leased, parked, scheduled, ended, depths, gates, agents, executors, emergency } = status;
  const inDepths = depths.reduce((sum, depth) => sum + depth.waiting, 0n);
  // `depths` is too low if a label defers thousands. A queue of the previous release says nothing else.
  const waiting = status.waiting > inDepths ? status.waiting : inDepths;
  say(
    io,
    `queue: ${grouped(waiting)} waiting, ${grouped(leased)} running, ${grouped(parked)} parked, ${grouped(scheduled)} scheduled, ${grouped(ended)} ended`,
  );
  if (emergency) for (const line of emergencyLines(emergency)) say(io, line);
  const part = async <T>(columns: readonly Column<T>[], rows: readonly T[]) => {
    if (rows.length > 0) say(io, "");
    await sayTable(io, options, columns, rows);
  };
  await part(DEPTH_COLUMNS, depths.filter(isBusy));
  await part(
    GATE_COLUMNS,
    gates.filter(({ scope }) => scope?.scope?.$case !== "emergency"),
  );
  await part(AGENT_COLUMNS, agents);
  await part(OFFER_COLUMNS, executors);
}

/** The emergency stop, and what each executor reports that it ended. */
export function emergencyLines({ level, who, why, time, receipts }: EmergencyStatus): string[] {
  const name = wordOf(wordsOf(EmergencyLevel), level) ?? `level ${level}`;
  const since = time ? zonedTime(time) : "an unknown time";
  const lines = [`EMERGENCY STOP (${name}) by ${who} since ${since}: ${why}`];
  for (const { executorId, receipt } of receipts) {
    const said = receipt
      ? `${count(receipt.ended.length, "run")} ended, ${receipt.remaining} left`
      : "has not answered";
    lines.push(`  executor ${executorId}: ${said}`);
  }
  return lines;
}

export function gateLine({ scope, who, why, openTime, rampEndTime }: Gate): string {
  const until = openTime ? `, until ${zonedTime(openTime)}` : "";
  const how = rampEndTime ? `opens gradually until ${zonedTime(rampEndTime)}` : `paused${until}`;
  return `${scopeName(scope)}: ${how}, by ${who}: ${why}`;
}
