import { hostname } from "node:os";
import type { ServiceSettings } from "@ccsp/config";
import { createLogger, inService, replaceStandardStreams, shutdownTracing } from "@ccsp/telemetry";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import { readCommand } from "./command-line.js";
import type { ServiceDefinition } from "./definition.js";
import { runService } from "./run.js";
import { closeMsFor, startService } from "./start.js";

/** A collector that does not answer must not keep a stopped service alive. */
const FLUSH_MS = 3_000;
/**
 * A process ends by itself when everything is closed. If something is still open, the process is ended after this time.
 */
const LINGER_MS = 1_000;

/**
 * The complete main program of a service. It handles `--help` and `--check-config`. It prints faults in the
 * configuration to stderr and sets exit code 2. Otherwise it runs the service until a signal, and sets the exit code.
 * Resolves when the service has stopped and its spans are flushed.
 */
export async function runMain<C extends { readonly service: ServiceSettings }>(
  service: ServiceDefinition<C>,
  flush: () => Promise<void> = shutdownTracing,
): Promise<void> {
  const instance = process.env["CCSP_INSTANCE"]?.trim() || `${hostname()}-${process.pid}`;
  const command = await readCommand(service, process.argv.slice(2), { ...process.env, CCSP_INSTANCE: instance });
  if (command.kind === "print") {
    process.stdout.write(command.stdout);
    process.stderr.write(command.stderr);
    process.exitCode = command.code;
    return;
  }

  const { config, warnings } = command;
  const { name, logLevel: level } = config.service;
  replaceStandardStreams();
  const log = createLogger({ name, level, instance });
  logCrashes(log);
  for (const warning of warnings) log.warn({ warning }, "suspicious setting");

  const closeMs = closeMsFor(config.service);
  const code = await inService({ name, instance }, () =>
    runService(log, (context) => startService(service, config, context), { closeMs }),
  );
  const unflushed = (why: object) => log.warn(why, "spans may be lost");
  await within(FLUSH_MS, flush(), () => unflushed({ afterMs: FLUSH_MS })).catch((err: unknown) => unflushed({ err }));
  log.info({ code }, "stopped");
  process.exitCode = code;
  setTimeout(() => {
    log.warn({ held: process.getActiveResourcesInfo() }, "something was left open, exiting anyway");
    process.exit();
  }, LINGER_MS).unref();
}

/** Says of an error that no code has caught whether it is dealt with. */
type Contain = (error: unknown) => boolean;
const containing = new Set<Contain>();

/**
 * Keeps the process running after an error that no code has caught, a rejection or a throw, if `contain` returns true
 * for it, until it is closed. It is for code that others wrote, and has to tell that code from ours: it is called in
 * the async context in which the error was thrown.
 */
export function containCrashes(contain: Contain): { close(): Promise<void> } {
  containing.add(contain);
  return { close: async () => void containing.delete(contain) };
}

/**
 * Logs what no code catches, and ends the process then, with code 1, unless it is contained. Node itself would print
 * errors and warnings with all of their properties, and wait until somebody reads them.
 */
export function logCrashes(log: Logger): void {
  process.on("uncaughtException", (err) => {
    if ([...containing].some((contain) => contain(err))) return;
    log.fatal({ err }, "crashed");
    process.exit(1);
  });
  process.removeAllListeners("warning").on("warning", (err) => log.warn({ err }, "Node warns"));
}
