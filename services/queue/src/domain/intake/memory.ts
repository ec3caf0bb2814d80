/** Memory of the Redis node that stores a shard. */
export interface NodeMemory {
  /** Id of the Redis process. Shards on one node have the same id. */
  readonly node: string;
  /** Bytes that count towards the limit. */
  readonly usedBytes: number;
  /** The limit. 0: no limit. */
  readonly mostBytes: number;
  /** What Redis does at the limit: its `maxmemory-policy`. */
  readonly policy: string;
}

/** Knows whether the node of a shard has memory for new tasks. */
export interface Room {
  isFull(shard: number): boolean;
  /** Redis itself refused a write, before the next check of its memory. */
  noteFull(shard: number): void;
}

/**
 * The share of the limit at which a node is full. The rest is for accepted tasks, which still store reports, results
 * and ends.
 */
const FULL_AT = 0.9;

export const usedShare = ({ usedBytes, mostBytes }: NodeMemory): number => (mostBytes > 0 ? usedBytes / mostBytes : 0);

export const hasRoom = (memory: NodeMemory): boolean => usedShare(memory) <= FULL_AT;

/** Bytes that the queue's bounds let it store in one shard. */
export interface Allowed {
  readonly waiting: number;
  readonly ended: number;
  readonly transcripts: number;
  readonly cached: number;
}

/**
 * Checks the memory of Redis against the bytes that the queue is allowed to store. `fatal` says why the queue must not
 * start. `warnings` are problems that an operator should know. `nodes` has one entry for each shard.
 */
export function judgeMemory(
  nodes: readonly NodeMemory[],
  allowed: Allowed,
): { readonly fatal?: string; readonly warnings: readonly string[] } {
  const limited = nodes.filter(({ mostBytes }) => mostBytes > 0);
  const throwing = limited.find(({ policy }) => policy.startsWith("allkeys-"));
  if (throwing) {
    return {
      fatal: `Redis' maxmemory-policy is ${throwing.policy}: it evicts accepted tasks when memory is full; set noeviction`,
      warnings: [],
    };
  }
  const warnings: string[] = [];
  const evicting = limited.find(({ policy }) => policy !== "" && policy !== "noeviction");
  if (evicting) {
    warnings.push(
      `Redis' maxmemory-policy is ${evicting.policy}: it evicts request ids, conversations and executors when memory is full; set noeviction`,
    );
  }
  const { waiting, ended, transcripts, cached } = allowed;
  const shardBytes = waiting + ended + transcripts + cached;
  for (const node of new Set(limited.map((each) => each.node))) {
    const shards = limited.filter((each) => each.node === node);
    const room = Math.floor((shards[0]?.mostBytes ?? 0) * FULL_AT);
    const needed = Math.ceil(shards.length * shardBytes);
    if (waiting > 0 && needed <= room) continue;
    const bound = waiting > 0 ? "" : ", plus waiting tasks of any size (CCSP_QUEUE_MAX_WAITING_BYTES is 0)";
    warnings.push(
      `the queue may store ${needed} bytes in a Redis that may hold ${room}${bound}: new tasks are refused as QUEUE_FULL when ` +
        "memory is full; raise maxmemory, or lower CCSP_QUEUE_MAX_WAITING_BYTES, CCSP_QUEUE_MAX_ENDED_BYTES, " +
        "CCSP_QUEUE_TRANSCRIPT_BYTES or CCSP_QUEUE_CACHE_REDIS_BYTES",
    );
    break;
  }
  return { warnings };
}
