import {
  EmergencyLevel,
  type EmergencyOrder as OrderMessage,
  type EmergencyReceipt as ReceiptMessage,
} from "@ccsp/protos/ccsp/queue/v1/emergency.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import type { EmergencyOrder, EmergencyReceipt } from "../domain/queue.js";

const LEVELS = wordsOf(EmergencyLevel);

/** A level that this version does not know goes further than the known levels. So it means kill. */
export const toOrder = ({ id, level }: OrderMessage): EmergencyOrder => ({
  id,
  level: wordOf(LEVELS, level) ?? "kill",
});

export const toReceiptMessage = ({ id, ended, remaining }: EmergencyReceipt): ReceiptMessage => ({
  id,
  remaining,
  ended: [...ended],
});
