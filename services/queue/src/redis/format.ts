import type { RedisClient } from "@ccsp/redis-kit";
import { queueKeys } from "./keys.js";

/**
 * What a reader of the stored data has to know, as a number. It grows when data is written that a release which reads up to the number before would get wrong; what
 * that release may pass over, such as a further field of a record, leaves it as it is. Two releases run side by side during an upgrade, so one learns
 * to read a number, and the next one writes it: see docs/upgrade.md.
 */
const READS = 1;
const WRITES = 1;

/**
 * Writes down which format the stored data has from now on. Throws an Error that says what to do when it is one that this release does not read. Data
 * without a number is of release 0.1.0, and has 1.
 */
export async function fixFormat(redis: RedisClient): Promise<void> {
  const { meta } = queueKeys(0);
  const written = Number((await redis.hget(meta, "format")) ?? 0);
  if (written > READS) {
    throw new Error(
      `Redis holds tasks in format ${written}, and this release of CCSP reads formats up to ${READS}: start the release that ` +
        "wrote them, or a later one (docs/upgrade.md)",
    );
  }
  // A replica that starts while Redis takes no writes, as in a failover, has nothing to write.
  if (written < WRITES) await redis.hset(meta, "format", WRITES);
}
