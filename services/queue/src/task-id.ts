import { monotonicFactory } from "ulid";
import { SHARD } from "./redis/keys.js";

/**
 * Ids begin with their shard and sort by time. Within this process they also sort within a millisecond, so that tasks which
 * one replica accepted keep their order.
 */
export function createTaskIds(): () => string {
  const next = monotonicFactory();
  return () => `${SHARD}-${next().toLowerCase()}`;
}
