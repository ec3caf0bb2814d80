export { type ConsulAgent, type ConsulOptions, startConsul } from "./consul.js";
export { freePort } from "./free-port.js";
export {
  type ManagedProcess,
  type OutputStream,
  type ProcessExit,
  type ProcessOptions,
  startProcess,
} from "./process.js";
export { type RedisOptions, type RedisServer, startRedis } from "./redis.js";
