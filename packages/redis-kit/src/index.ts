export type { ServerCertificate } from "./certificates.js";
export { MAX_BLOCK_MS } from "./connect.js";
export { luaFaults } from "./lua-faults.js";
export { openRedis, type RedisConnection } from "./open-redis.js";
export { asRefusal, isOutOfMemory, isRedirection, orUnavailable, redisAway } from "./outage.js";
export type { RedisClient } from "./redis-client.js";
export { asList, fieldsOf } from "./replies.js";
export { bindScript, oneOf, type Script, type ScriptArgument, type ScriptBinding, scriptSource } from "./script.js";
export { scriptFaults } from "./script-header.js";
