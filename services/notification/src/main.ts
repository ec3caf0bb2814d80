import { runMain } from "@ccsp/lifecycle";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { notificationService } from "./service.js";

await runMain(notificationService, {
  createLogger: ({ name, logLevel, instance }) => createLogger({ name, level: logLevel, instance }),
  flush: shutdownTracing,
});
