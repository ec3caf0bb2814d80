/**
 * The shard of an agent's tasks: FNV-1a (32 bits) of the agent's id, modulo the number of shards. It must be the same
 * in every version and replica, because tasks are stored by it.
 */
export function shardOfAgent(agent: string, shards: number): number {
  if (shards === 1) return 0;
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(agent)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % shards;
}

/** Ids are `<shard>-<ULID in lower case>`. */
export const isTaskId = (id: string): boolean => /^(?:[1-5]?[0-9]|6[0-3])-[0-9a-z]{26}$/.test(id);

/** The shard that a task id names. Undefined when the text is not a task id. */
export const shardOfTask = (id: string): number | undefined => (isTaskId(id) ? Number.parseInt(id, 10) : undefined);

/** The part of an id that sorts ids of all shards by age. Later ids are greater. */
export const ageOfId = (id: string): string => id.slice(id.indexOf("-") + 1);

/** An id with the age of `id` in another shard, to compare with the ids of that shard. */
export const idInShard = (id: string, shard: number): string => `${shard}-${ageOfId(id)}`;
