export { COMMAND_TIMEOUT_MS, MAX_BLOCK_MS, type RedisClient } from "./connect.js";
export { openRedis, type RedisConnection } from "./open-redis.js";
export { orUnavailable } from "./outage.js";
export { parseRedisUrl, type RedisAddress, type RedisNode } from "./redis-url.js";
export { bindScript, oneOf, type Script, type ScriptArgument, type ScriptBinding } from "./script.js";
export { readScriptHeader, type ScriptHeader, scriptFaults } from "./script-header.js";
