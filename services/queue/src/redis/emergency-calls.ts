import {
  EMERGENCY_LEVELS,
  EMERGENCY_TOPIC,
  type Emergency,
  type EmergencyReceipt,
  RECEIPTS_TOPIC,
} from "../domain/emergency/emergency.js";
import type { EmergencyStore } from "../domain/emergency/emergency-store.js";
import { scopeName } from "../domain/gates/scope.js";
import { emergencyStopData } from "../messages/event-data.js";
import { channels } from "./keys.js";
import type { Shard } from "./shard.js";

/** Receipts expire this long after the last one. Executors repeat theirs while a stop is in force, so they stay. */
const RECEIPTS_LAST_MS = 60 * 60 * 1000;

/** The emergency stop of one shard. The stop of the first shard is in force for all of them. */
export function createEmergencyCalls({ redis, scripts, keys, clock }: Shard): EmergencyStore {
  const { gates, events, receipts, leases } = keys;
  return {
    async emergency() {
      return emergencyOf((await redis.hget(gates, scopeName({ kind: "emergency" }))) ?? "");
    },

    async raiseEmergency({ id, level, who, why }, how) {
      const stop = JSON.stringify({ id, level: EMERGENCY_LEVELS.indexOf(level) + 1, who, why });
      const data = how === "raise" ? emergencyStopData({ id, level, who, why }) : "";
      const raised = await scripts.raiseEmergency(
        { gates, events },
        clock(),
        stop,
        how,
        data,
        channels.work,
        EMERGENCY_TOPIC,
      );
      return decodeEmergency(raised);
    },

    async keepReceipt(executor, receipt) {
      const json = JSON.stringify(receipt);
      await scripts.keepReceipt({ receipts }, executor, json, RECEIPTS_LAST_MS, channels.work, RECEIPTS_TOPIC);
    },

    async receipts(id) {
      const entries = Object.entries(await redis.hgetall(receipts));
      return new Map(
        entries.map(([executor, json]) => [executor, receiptOf(json)] as const).filter(([, each]) => each.id === id),
      );
    },

    heldIds: () => redis.zrangebyscore(leases, "-inf", "+inf"),
  };
}

// Only this file and the scripts write these, so their shapes are trusted.
interface Stored extends Omit<Emergency, "level" | "calledMs"> {
  readonly level: number;
  readonly closed: number;
  /** Present once a person resumed work. */
  readonly opens?: number;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const receiptOf = (json: string): EmergencyReceipt => JSON.parse(json) as EmergencyReceipt;

/** Reads a stop as the script stored it. */
export function decodeEmergency(json: string): Emergency {
  const { id, level, who, why, closed } = stored(json);
  return { id, level: EMERGENCY_LEVELS[level - 1] ?? "kill", who, why, calledMs: closed };
}

/** Reads the gate of an emergency stop, or "" for none. Undefined when no stop is in force. */
export const emergencyOf = (json: string): Emergency | undefined =>
  json !== "" && stored(json).opens === undefined ? decodeEmergency(json) : undefined;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
const stored = (json: string): Stored => JSON.parse(json) as Stored;
