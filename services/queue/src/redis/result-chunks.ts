import { createHash } from "node:crypto";
import { asBuffer } from "./decode.js";
import type { Shard } from "./shard.js";
import { createShared } from "./shared.js";

/** A larger result is stored in chunks of this size, so Redis is never busy for long with one command. */
export const CHUNK_BYTES = 256 * 1024;
/** Redis deletes a result in chunks this long (ms) after its retention, in case no call deletes it before. */
const SPARE_MS = 24 * 3_600_000;

export type ResultChunks = ReturnType<typeof createResultChunks>;

/**
 * Large results. Each is a hash of its own: number of the chunk -> bytes. It is written before its task ends, and its
 * name has a digest of the content. So a holder that lost its lease overwrites nothing, and neither does one that calls
 * twice. A result that no ended task names expires. `retentionMs` is how long the task is kept.
 */
export function createResultChunks({ redis, scripts, keys }: Shard, retentionMs: number) {
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
    /** Answers the digest, by which the result can be read. The result is stored when this resolves. */
    async write(id: string, result: Uint8Array): Promise<string> {
      const digest = createHash("sha256").update(result).digest("hex").slice(0, 32);
      const key = keys.result(id, digest);
      for (let start = 0; start < result.byteLength; start += CHUNK_BYTES) {
        const chunk = asBuffer(result.subarray(start, start + CHUNK_BYTES));
        await scripts.putChunk({ result: key }, start / CHUNK_BYTES, chunk, retentionMs + SPARE_MS);
      }
      return digest;
    },

    /** Undefined when it is not there. Callers that hold it at the same time get the same bytes, not copies. */
    read: (id: string, digest: string): Promise<Uint8Array | undefined> => readShared(keys.result(id, digest)),
  };
}
