export { watchClockAhead } from "./clock-ahead.js";
export { createLogger, type LoggerOptions } from "./logger.js";
export { createMetrics } from "./metrics.js";
export { type Check, type OpsOptions, type OpsServer, type OpsState, serveOps } from "./ops-server.js";
export { inService } from "./service-scope.js";
export { replaceStandardStreams } from "./standard-streams.js";
export {
  contextFromTraceparent,
  currentTraceparent,
  readTraceparent,
  spanOfTraceparent,
  traceIdOf,
  traceparentOf,
} from "./trace-context.js";
export { type FinishedSpan, recordSpan, shutdownTracing, tracer } from "./tracing.js";
export { usageAttributes } from "./usage-attributes.js";
