/** Where an agent's tasks live: FNV-1a (32 bits) of its id, modulo the number of shards. The same in every version and replica. */
export function shardOfAgent(agent: string, shards: number): number {
  if (shards === 1) return 0;
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(agent)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % shards;
}

/** Ids are `<shard>-<ULID in lower case>`. */
export const isTaskId = (id: string): boolean => /^(?:[1-5]?[0-9]|6[0-3])-[0-9a-z]{26}$/.test(id);

/** The shard that an id names. Undefined for anything that is no id. */
export const shardOfTask = (id: string): number | undefined => (isTaskId(id) ? Number.parseInt(id, 10) : undefined);

/** What sorts ids of all shards by age: later ones are greater. */
export const ageOfId = (id: string): string => id.slice(id.indexOf("-") + 1);

/** As old as `id`, in another shard: what to compare that shard's ids with. */
export const idInShard = (id: string, shard: number): string => `${shard}-${ageOfId(id)}`;
