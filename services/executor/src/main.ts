import { runMain } from "@ccsp/lifecycle";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { loadExecutorService } from "./service.js";

await runMain(await loadExecutorService(process.env), {
  createLogger: ({ name, logLevel, instance }) => createLogger({ name, level: logLevel, instance }),
  flush: shutdownTracing,
});
