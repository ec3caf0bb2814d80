export { watchClockAhead } from "./clock-ahead.js";
export { createLogger, type LoggerOptions } from "./logger.js";
export { createMetrics } from "./metrics.js";
export { type Check, type OpsOptions, type OpsServer, type OpsState, serveOps } from "./ops-server.js";
export { replaceStandardStreams } from "./standard-streams.js";
export {
  contextFromTraceparent,
  currentTraceparent,
  readTraceparent,
  traceIdOf,
  traceparentOf,
} from "./trace-context.js";
export { shutdownTracing, tracer } from "./tracing.js";
