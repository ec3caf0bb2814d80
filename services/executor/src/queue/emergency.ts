import {
  EmergencyLevel,
  type EmergencyOrder as OrderMessage,
  type EmergencyReceipt as ReceiptMessage,
} from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { EmergencyOrder, EmergencyReceipt } from "../domain/queue.js";

const LEVELS: Readonly<Partial<Record<EmergencyLevel, EmergencyOrder["level"]>>> = {
  [EmergencyLevel.NO_SUBMIT]: "no-submit",
  [EmergencyLevel.NO_START]: "no-start",
  [EmergencyLevel.PARK_RUNNING]: "park-running",
};

/** A level that this version does not know goes further than the known levels. So it means kill. */
export const toOrder = ({ id, level }: OrderMessage): EmergencyOrder => ({ id, level: LEVELS[level] ?? "kill" });

export const toReceiptMessage = ({ id, ended, remaining }: EmergencyReceipt): ReceiptMessage => ({
  id,
  remaining,
  ended: [...ended],
});
