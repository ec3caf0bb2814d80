import type { RedisClient } from "@ccsp/redis-kit";
import type { TaskStore } from "../domain/store.js";
import type { QueueKeys } from "./keys.js";
import type { Scripts } from "./scripts.js";

export type Confirmations = Pick<TaskStore, "keepConfirmation" | "takeConfirmation">;

/** What waits for somebody's confirmation. */
export function createConfirmations(redis: RedisClient, scripts: Scripts, { confirmation }: QueueKeys): Confirmations {
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
