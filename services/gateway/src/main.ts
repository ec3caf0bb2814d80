import { runMain } from "@ccsp/lifecycle";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { gatewayService } from "./service.js";

await runMain(gatewayService, {
  createLogger: ({ name, logLevel, instance }) => createLogger({ name, level: logLevel, instance }),
  flush: shutdownTracing,
});
