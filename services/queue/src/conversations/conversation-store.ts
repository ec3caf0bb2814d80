import { bindScript, oneOf, orUnavailable, type RedisClient } from "@ccsp/redis-kit";
import { shardOfTask } from "../domain/task/shard.js";
import { queueKeys } from "../redis/keys.js";
import type { ConversationConfig } from "./config.js";
import type { Conversation, ConversationStore, Owner, Turn } from "./conversation.js";

const lua = (name: string): URL => new URL(`../../lua/${name}.lua`, import.meta.url);

/** Binds the scripts that change conversations and transcripts. */
export function bindConversationScripts(redis: RedisClient) {
  return {
    keep: bindScript(redis, lua("keep_transcript"), ["tasks", "transcripts", "kept", "meta"], oneOf("ok", "lost")),
    put: bindScript(redis, lua("put_turn"), ["conversation"], oneOf("ok", "later")),
  };
}

/**
 * Redis keys in the shard that the id of a task or conversation names. Ids come from callers: undefined when `id` is
 * not valid.
 */
function keysOf(id: string) {
  const shard = shardOfTask(id);
  if (shard === undefined) return undefined;
  const { tasks, meta, transcripts, transcriptsKept: kept, conversation } = queueKeys(shard);
  return { tasks, meta, transcripts, kept, conversation: conversation(id) };
}

function keysFor(id: string): NonNullable<ReturnType<typeof keysOf>> {
  const keys = keysOf(id);
  if (!keys) throw new Error("not the id of a task");
  return keys;
}

/**
 * Conversations in Redis. Throws DEPENDENCY_UNAVAILABLE while Redis is away. `shardBytes`: most bytes of a shard's
 * transcripts.
 */
export function createConversationStore(
  redis: RedisClient,
  { keptMs, shardBytes }: Pick<ConversationConfig, "keptMs"> & { readonly shardBytes: number },
): ConversationStore {
  const scripts = bindConversationScripts(redis);
  const run = async <T>(work: () => Promise<T>): Promise<T> => orUnavailable(redis, work);
  const keep = async (task: string, fence: number | "", bytes: Uint8Array) => {
    const { tasks, transcripts, kept, meta } = keysFor(task);
    const transcript = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return scripts.keep({ tasks, transcripts, kept, meta }, "", keptMs, shardBytes, task, fence, transcript);
  };
  const put = async (field: "next" | "head", id: string, { agent, engine }: Owner, turn: Turn) => {
    const { conversation } = keysFor(id);
    return scripts.put({ conversation }, agent, engine, field, JSON.stringify(turn), keptMs);
  };

  return {
    find: async (id) =>
      run(async () => {
        const keys = keysOf(id);
        if (!keys) return undefined;
        const [agent, engine, head, next] = await redis.hmget(keys.conversation, "agent", "engine", "head", "next");
        if (typeof agent !== "string" || typeof engine !== "string") return undefined;
        const found: Conversation = {
          agent,
          engine,
          ...(head && { head: decode(head) }),
          ...(next && { next: decode(next) }),
        };
        return found;
      }),

    announce: async (...args) => run(async () => put("next", ...args)),
    advance: async (...args) => run(async () => put("head", ...args)),

    keepTranscript: async (task, fence, bytes) => run(async () => keep(task, fence, bytes)),
    findTranscript: async (task) =>
      run(async () => (await redis.hgetBuffer(keysFor(task).transcripts, task)) ?? undefined),
    dropTranscript: async (task) => run(async () => void (await keep(task, "", new Uint8Array()))),
  };
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only this file writes them
const decode = (stored: string): Turn => JSON.parse(stored) as Turn;
