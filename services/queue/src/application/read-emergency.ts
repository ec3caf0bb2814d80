import { visible } from "@ccsp/errors";
import type { EmergencyStopRequest, EmergencyReceipt as ReceiptMessage } from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import type { EmergencyReceipt } from "../domain/emergency/emergency.js";
import { Faults } from "../domain/fields/faults.js";
import { isTaskId } from "../domain/task/shard.js";
import { levelOf } from "../messages/emergency-message.js";
import { checkWords } from "./read-gates.js";

// Many times the leases that an executor can hold, because it also ends leases that it gets during the stop.
const MAX_ENDED = 10_000;

/** Reads an EmergencyStop request. Throws INVALID_FIELD. */
export function readStop({ level: asked, who, why }: EmergencyStopRequest) {
  const faults = new Faults();
  const level = levelOf(asked);
  if (level === undefined) faults.add("level", "must be NO_SUBMIT, NO_START, PARK_RUNNING or KILL");
  checkWords({ who, why }, faults);
  faults.unless(why !== "", "why", "is empty");
  if (faults.found || level === undefined) throw faults.refusal();
  return { level, who, why: visible(why) };
}

/** Reads a receipt of a Sync. Adds its faults to `faults`. */
export function readReceipt({ id, ended, remaining }: ReceiptMessage, faults: Faults): EmergencyReceipt {
  faults.unless(/^[A-Za-z0-9-]{1,64}$/.test(id), "emergency.id", "is not the id of an emergency stop");
  faults.unless(remaining >= 0, "emergency.remaining", "is negative");
  faults.unless(ended.length <= MAX_ENDED, "emergency.ended", `has more than ${MAX_ENDED} entries`);
  const known = ended.every(({ taskId, pid, processes }) => isTaskId(taskId) && pid >= 0 && processes >= 0);
  faults.unless(known, "emergency.ended", "names no task, or a negative number");
  return { id, remaining, ended: ended.map(({ taskId, pid, processes }) => ({ taskId, pid, processes })) };
}
