import { asList, bindScript, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import type { ClaimStore } from "../domain/record-usage.js";
import { DAY_MS } from "../domain/usage-store.js";
import { usageKeys } from "./usage-keys.js";

/** A claim is found on the day on which it came, and on the next one. */
const KEPT_MS = 2 * DAY_MS;
/** The most records of one script call, so that other commands do not wait long. */
const TOGETHER = 200;

export function bindClaimScripts(redis: RedisClient) {
  const file = new URL("../../../lua/claim_records.lua", import.meta.url);
  const reply = (replies: unknown) => asList(replies).map(String);
  return { claimRecords: bindScript(redis, file, ["claims", "claimsBefore"], reply) };
}

export function createRedisClaimStore(redis: RedisClient): ClaimStore {
  const { claimRecords } = bindClaimScripts(redis);
  const { claims } = usageKeys(0);
  return {
    claim: async (records, nowMs) => {
      const keys = { claims: claims(nowMs), claimsBefore: claims(nowMs - DAY_MS) };
      const found: string[] = [];
      for (let from = 0; from < records.length; from += TOGETHER) {
        const some = records.slice(from, from + TOGETHER).flatMap(({ id, digest, endMs }) => [id, digest, endMs]);
        found.push(...(await orUnavailable(redis, () => claimRecords(keys, KEPT_MS, ...some))));
      }
      return records.map(({ digest }, at) => {
        const [first, endMs] = found[at]?.split(" ") ?? [];
        return first === digest ? Number(endMs) : "conflict";
      });
    },
  };
}
