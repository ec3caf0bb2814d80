import type { ConfirmationStore } from "../domain/search/search-store.js";
import type { Shard } from "./shard.js";

/** Remembers what waits for a person's confirmation. */
export const createConfirmations = ({ redis, scripts, keys: { confirmation } }: Shard): ConfirmationStore => ({
  async keepConfirmation(name, preparedMs, keptMs) {
    await scripts.keepConfirmation({ confirmation: confirmation(name) }, preparedMs, keptMs);
  },

  async takeConfirmation(name) {
    const preparedMs = await redis.getdel(confirmation(name));
    return preparedMs === null ? undefined : Number(preparedMs);
  },
});
