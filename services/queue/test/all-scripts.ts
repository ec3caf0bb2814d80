import type { RedisClient, ScriptBinding } from "@ccsp/redis-kit";
import { bindConversationScripts } from "../src/conversations/conversation-store.js";
import { bindLimitScripts } from "../src/limits/limit-store.js";
import { bindMemory } from "../src/redis/memory.js";
import { bindBarrier } from "../src/redis/replicas.js";
import { bindScripts } from "../src/redis/scripts.js";
import { bindScheduleScripts } from "../src/schedules/schedule-store.js";

/** Every Lua script of the queue. */
export const allScripts = (redis: RedisClient): readonly ScriptBinding[] => [
  ...Object.values({
    ...bindScripts(redis),
    ...bindConversationScripts(redis),
    ...bindScheduleScripts(redis),
    ...bindLimitScripts(redis),
  }),
  bindBarrier(redis),
  bindMemory(redis),
];
