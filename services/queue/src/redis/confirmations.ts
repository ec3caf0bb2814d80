import type { RedisClient } from "@ccsp/redis-kit";
import type { ConfirmationStore } from "../domain/search/search-store.js";
import type { QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

/** What waits for somebody's confirmation. */
export function createConfirmations(
  redis: RedisClient,
  scripts: Scripts,
  { confirmation }: QueueKeys,
): ConfirmationStore {
  return {
    async keepConfirmation(name, preparedMs, keptMs) {
      await scripts.keepConfirmation({ confirmation: confirmation(name) }, preparedMs, keptMs);
    },

    async takeConfirmation(name) {
      const preparedMs = await redis.getdel(confirmation(name));
      return preparedMs === null ? undefined : Number(preparedMs);
    },
  };
}
