import { createHash } from "node:crypto";
import type { RedisClient } from "@ccsp/redis-kit";
import { asBuffer } from "./decode.js";
import type { Scripts } from "./scripts.js";
import { createShared } from "./shared.js";

/** A larger result is stored in pieces of this size: Redis, which does one thing at a time, moves none that is larger. */
export const CHUNK_BYTES = 256 * 1024;
/** What a result that is in chunks outlives its retention by, should nothing remove it. */
const SPARE_MS = 24 * 3_600_000;

interface ChunkOptions {
  readonly keyOf: (id: string, digest: string) => string;
  /** Of the task. */
  readonly retentionMs: number;
}

export type ResultChunks = ReturnType<typeof createResultChunks>;

/**
 * Large results, each a hash of its own: number of the chunk -> bytes. It is written before the task ends and named after its content, so that
 * a holder that lost its lease and one that calls twice overwrite nothing. What no task names in the end expires.
 */
export function createResultChunks(
  redis: RedisClient,
  { keyOf, putChunk, retentionMs }: Pick<Scripts, "putChunk"> & ChunkOptions,
) {
  const readWhole = async (key: string): Promise<Uint8Array | undefined> => {
    const count = await redis.hlen(key);
    const chunks: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const chunk = await redis.hgetBuffer(key, String(i));
      if (chunk === null) return undefined;
      chunks.push(chunk);
    }
    return count === 0 ? undefined : Buffer.concat(chunks);
  };
  const readShared = createShared(readWhole);

  return {
    /** Answers by what name the result can be read; it is there when this resolves. */
    async write(id: string, result: Uint8Array): Promise<string> {
      const digest = createHash("sha256").update(result).digest("hex").slice(0, 32);
      const key = keyOf(id, digest);
      for (let start = 0; start < result.byteLength; start += CHUNK_BYTES) {
        const chunk = asBuffer(result.subarray(start, start + CHUNK_BYTES));
        await putChunk({ result: key }, start / CHUNK_BYTES, chunk, retentionMs + SPARE_MS);
      }
      return digest;
    },

    /** Undefined when it is not there. Whoever reads it while another still has it gets the same bytes, not a copy. */
    read: (id: string, digest: string): Promise<Uint8Array | undefined> => readShared(keyOf(id, digest)),
  };
}
