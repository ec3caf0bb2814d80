import { setTimeout as delay } from "node:timers/promises";
import { declareGauge } from "@ccsp/metrics";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { QueueConfig } from "./config.js";
import { hasRoom, judgeMemory, type NodeMemory, type Room, usedShare } from "./domain/intake/memory.js";

const EVERY_MS = 1_000;

interface WatchDeps {
  /** One read for each shard, in the order of the shards. */
  readonly reads: readonly (() => Promise<NodeMemory>)[];
  readonly registry: Registry;
  readonly log: Logger;
  readonly everyMs?: number;
}

/** Warns about doubtful settings. Throws an Error that says what to do when Redis would throw accepted tasks away. */
export async function checkMemory(reads: WatchDeps["reads"], config: QueueConfig, log: Logger): Promise<void> {
  const nodes = await Promise.all(reads.map((read) => read())).catch((err: unknown) => {
    // Redis may be in the middle of a failover. That is not a reason to refuse the start.
    log.warn({ err }, "the memory of Redis was not checked");
    return [];
  });
  const { shards, bounds, maxEndedBytes, cache, conversations } = config;
  const { fatal, warnings } = judgeMemory(nodes, {
    waiting: bounds.all.bytes / shards,
    ended: maxEndedBytes / shards,
    transcripts: conversations.transcriptBytes / shards,
    // Redis can hold twice this bound at one time; see `createRedisLevel`.
    cached: (2 * cache.redis.maxBytes) / shards,
  });
  if (fatal !== undefined) throw new Error(fatal);
  for (const warning of warnings) log.warn(warning);
}

/** Shows the memory that is used, in a registry. */
export const showMemory = declareGauge({
  name: "ccsp_queue_memory_used_ratio",
  help: "Share of Redis' maxmemory that is used, of the fullest node; new tasks are refused above 0.9. 0: there is no maxmemory",
});

/**
 * Checks each second whether Redis has memory for new work. Each shard has its own loop, so an unreachable node does
 * not delay the checks of the others. Until it answers again, its last known state counts.
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
    if (full.size === 0 && told) log.info("memory of Redis is no longer full");
    told = full.size > 0;
  };
  const check = async (shard: number, read: () => Promise<NodeMemory>): Promise<void> => {
    const memory = await read();
    shares[shard] = usedShare(memory);
    share.set(Math.max(...shares));
    if (hasRoom(memory)) full.delete(shard);
    else full.add(shard);
    tell();
  };
  const stop = new AbortController();
  const loop = async (...which: Parameters<typeof check>): Promise<void> => {
    while (!stop.signal.aborted) {
      // Only a debug message: the calls that need Redis for more report that it is away.
      await check(...which).catch((err: unknown) => log.debug({ err }, "the memory of Redis was not read"));
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
