import { runMain } from "@ccsp/lifecycle";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { queueService } from "./service.js";

await runMain(queueService, {
  createLogger: ({ name, logLevel, instance }) => createLogger({ name, level: logLevel, instance }),
  flush: shutdownTracing,
});
