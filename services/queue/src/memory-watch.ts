import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { Gauge, type Registry } from "prom-client";
import type { QueueConfig } from "./config.js";
import { hasRoom, judgeMemory, type NodeMemory, type Room, usedShare } from "./domain/intake/memory.js";

const EVERY_MS = 1_000;

interface WatchDeps {
  /** For one shard each, in their order. */
  readonly reads: readonly (() => Promise<NodeMemory>)[];
  readonly registry: Registry;
  readonly log: Logger;
  readonly everyMs?: number;
}

/** Warns of what is doubtful; throws an Error that says what to do when accepted tasks would be thrown away. */
export async function checkMemory(reads: WatchDeps["reads"], config: QueueConfig, log: Logger): Promise<void> {
  const nodes = await Promise.all(reads.map((read) => read())).catch((err: unknown) => {
    // It may be in the middle of a failover: no reason not to start.
    log.warn({ err }, "the memory of Redis was not checked");
    return [];
  });
  const { shards, bounds, maxEndedBytes, cache, conversations } = config;
  const { fatal, doubts } = judgeMemory(nodes, {
    waiting: bounds.all.bytes / shards,
    ended: maxEndedBytes / shards,
    transcripts: conversations.transcriptBytes / shards,
    // At most twice as much is there at a time; see `createRedisLevel`.
    cached: (2 * cache.redis.maxBytes) / shards,
  });
  if (fatal !== undefined) throw new Error(fatal);
  for (const doubt of doubts) log.warn(doubt);
}

/** How full Redis is. */
export const showMemory = (registry: Registry): Gauge =>
  new Gauge({
    name: "ccsp_queue_memory_used_ratio",
    help: "Share of Redis' maxmemory that is used, of the fullest node; new tasks are refused above 0.9. 0: there is no maxmemory",
    registers: [registry],
  });

/**
 * Looks each second whether there is memory for new work, at each shard by itself: a node that is away holds up no other's look. What
 * was seen of it last counts meanwhile.
 */
export function watchMemory({
  reads,
  registry,
  log,
  everyMs = EVERY_MS,
}: WatchDeps): Room & { close(): Promise<void> } {
  const share = showMemory(registry);
  const shares = reads.map(() => 0);
  const full = new Set<number>();
  let told = false;
  const tell = (): void => {
    if (full.size > 0 && !told) log.warn("memory of Redis is full: new tasks are refused");
    if (full.size === 0 && told) log.info("memory of Redis has room again");
    told = full.size > 0;
  };
  const look = async (shard: number, read: () => Promise<NodeMemory>): Promise<void> => {
    const memory = await read();
    shares[shard] = usedShare(memory);
    share.set(Math.max(...shares));
    if (hasRoom(memory)) full.delete(shard);
    else full.add(shard);
    tell();
  };
  const stop = new AbortController();
  const loop = async (...which: Parameters<typeof look>): Promise<void> => {
    while (!stop.signal.aborted) {
      // That Redis is away is told by whoever needs it for more.
      await look(...which).catch((err: unknown) => log.debug({ err }, "the memory of Redis was not read"));
      await delay(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = Promise.all(reads.map((read, shard) => loop(shard, read)));
  return {
    isFull: (shard) => full.has(shard),
    noteFull(shard) {
      full.add(shard);
      tell();
    },
    async close() {
      stop.abort();
      await running;
    },
  };
}
