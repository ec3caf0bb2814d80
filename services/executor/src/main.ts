import { runMain } from "@ccsp/lifecycle";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { executorService } from "./service.js";

await runMain(executorService, {
  createLogger: ({ name, logLevel, instance }) => createLogger({ name, level: logLevel, instance }),
  flush: shutdownTracing,
});
