import { hostname } from "node:os";
import type { ServiceSettings } from "@ccsp/config";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { within } from "@ccsp/timing";
import { readCommand } from "./command-line.js";
import type { ServiceDefinition } from "./definition.js";
import { runService } from "./run.js";
import { startService } from "./start.js";

/** On top of what the longest close, a gRPC server's drain, takes by its settings. */
const CLOSE_MARGIN_MS = 5_000;
/** A collector that does not answer must not keep a stopped service alive. */
const FLUSH_MS = 3_000;
/** A process that has closed everything ends by itself; one that forgot something is ended. */
const LINGER_MS = 1_000;

/**
 * A service's whole main: `--help`, `--check-config`, faults of the configuration on stderr with exit code 2, then the service
 * itself until a signal, and its exit code. Resolves when the service has stopped; spans are flushed by then.
 */
export async function runMain<C extends { readonly service: ServiceSettings }>(
  service: ServiceDefinition<C>,
  flush: () => Promise<void> = shutdownTracing,
): Promise<void> {
  const instance = process.env["CCSP_INSTANCE"]?.trim() || `${hostname()}-${process.pid}`;
  const command = readCommand(service, process.argv.slice(2), { ...process.env, CCSP_INSTANCE: instance });
  if (command.kind === "print") {
    process.stdout.write(command.stdout);
    process.stderr.write(command.stderr);
    process.exitCode = command.code;
    return;
  }

  // What Node and tracing complain about may fail to be written, as on a full disk. Such a fault cannot be reported anywhere.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const { config, warnings } = command;
  const { name, logLevel: level } = config.service;
  const log = createLogger({ name, level, instance });
  // Only watches: the process still ends as Node ends it, but the log has the reason.
  process.on("uncaughtExceptionMonitor", (error) => log.fatal({ err: error }, "crashed"));
  for (const warning of warnings) log.warn({ warning }, "suspicious setting");

  const { drainMs, lameDuckMs } = config.service;
  const code = await runService(log, (context) => startService(service, config, context), {
    closeMs: drainMs + lameDuckMs + CLOSE_MARGIN_MS,
  });
  const unflushed = (why: object) => log.warn(why, "spans may be lost");
  await within(FLUSH_MS, flush(), () => unflushed({ afterMs: FLUSH_MS })).catch((err: unknown) => unflushed({ err }));
  log.info({ code }, "stopped");
  process.exitCode = code;
  setTimeout(() => {
    log.warn({ held: process.getActiveResourcesInfo() }, "something was left open, exiting anyway");
    process.exit();
  }, LINGER_MS).unref();
}
