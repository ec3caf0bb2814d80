import {
  type EmergencyOrder,
  type EmergencyStatus,
  EmergencyLevel as LevelMessage,
  type EmergencyReceipt as ReceiptMessage,
} from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import { type Emergency, type EmergencyLevel, type EmergencyReceipt } from "../domain/emergency/emergency.js";
import type { EmergencyState } from "../domain/emergency/emergency-stop.js";

const LEVELS = wordsOf(LevelMessage);

/** Undefined for an unknown level. */
export const levelOf = (level: LevelMessage): EmergencyLevel | undefined => wordOf(LEVELS, level);

export const toLevel = (level: EmergencyLevel): LevelMessage => LEVELS[level];

export const toOrder = ({ id, level }: Emergency): EmergencyOrder => ({ id, level: LEVELS[level] });

export function toEmergencyStatus({ stop, receipts }: EmergencyState): EmergencyStatus {
  const { id, level, who, why, calledMs } = stop;
  return {
    id,
    level: LEVELS[level],
    who,
    why,
    time: new Date(calledMs),
    receipts: [...receipts].map(([executorId, receipt]) => ({ executorId, receipt: receipt && toReceipt(receipt) })),
  };
}

const toReceipt = ({ id, ended, remaining }: EmergencyReceipt): ReceiptMessage => ({
  id,
  remaining,
  ended: [...ended],
});
