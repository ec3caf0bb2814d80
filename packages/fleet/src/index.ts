export { whyNoConsul, whyNoRedis } from "./binary.js";
export { type CertificateOptions, certificateSettings, keepFleetCertificates, operatorFolder } from "./certificates.js";
export { type ConsulAgent, type ConsulOptions, startConsul } from "./consul.js";
export { type ConsulTokens, consulTokenFile, openConsulTokens } from "./consul-tokens.js";
export { type Fleet, type FleetOptions, type FleetProcess, INHERITED, startFleet } from "./fleet.js";
export { freePort } from "./free-port.js";
export { askHealth, type Health } from "./health.js";
export type { LineSource } from "./line-source.js";
export { needsConsul } from "./needs-consul.js";
export {
  type ManagedProcess,
  type OutputStream,
  type ProcessExit,
  type ProcessOptions,
  startProcess,
} from "./process.js";
export { NO_PROGRESS, type OnProgress, PartFailed, type PartProgress } from "./progress.js";
export { type RedisOptions, type RedisServer, startRedis } from "./redis.js";
export { openRedisUsers, type RedisUsers, redisLogin } from "./redis-users.js";
export type { Restartable } from "./restartable.js";
export { serviceProgram } from "./service-program.js";
export { CALLS, DEFAULT_PORTS, SERVICES, type ServiceName, STOP_ORDER, targetsFor, USE_REDIS } from "./services.js";
export { takenPorts } from "./taken-ports.js";
