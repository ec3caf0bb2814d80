import type { RedisClient } from "@ccsp/redis-kit";
import { queueKeys } from "./keys.js";

/**
 * The number of the stored format. It grows when a release writes data that a release with the number before would read
 * wrong. It stays when the older release can ignore the new data, such as one more field of a record. Two releases run
 * at the same time during an upgrade. So one release learns to read a number, and the next release writes it: see
 * docs/upgrade.md.
 */
const READS = 1;
const WRITES = 1;

/**
 * Stores the number of the format that this release writes. Throws an Error that says what to do when the stored data
 * has a format that this release does not read. Data without a number was written by release 0.1.0 and has format 1.
 */
export async function claimFormat(redis: RedisClient): Promise<void> {
  const { meta } = queueKeys(0);
  const written = Number((await redis.hget(meta, "format")) ?? 0);
  if (written > READS) {
    throw new Error(
      `Redis holds tasks in format ${written}, and this release of CCSP reads formats up to ${READS}: start the release that ` +
        "wrote them, or a later one (docs/upgrade.md)",
    );
  }
  // Usually the number is there. Then a replica of the queue can start while Redis takes no writes, as in a failover.
  if (written < WRITES) await redis.hset(meta, "format", WRITES);
}
