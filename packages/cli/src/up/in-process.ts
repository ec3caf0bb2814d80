import { hostname } from "node:os";
import { ConfigError, type Env, load, type ServiceSettings } from "@ccsp/config";
import { type ServiceName, STOP_ORDER, targetsFor } from "@ccsp/fleet";
import { closeMsFor, logCrashes, runService, type ServiceContext, startService } from "@ccsp/lifecycle";
import { createLogger, inService, shutdownTracing } from "@ccsp/telemetry";
import { EXIT, type ExitCode } from "../process/exit.js";
import { type Io, note } from "../process/io.js";
import { loadDefinitions } from "./services.js";

/** A service that is configured but not started. */
interface Part {
  readonly service: ServiceSettings;
  readonly warnings: readonly string[];
  start(context: ServiceContext): Promise<void>;
}

/**
 * Runs all five services in this process, with the same definitions as in five processes. They talk over loopback gRPC
 * and find each other by address. They start in order, the queue first, and stop in the opposite order. Runs until a
 * signal arrives.
 */
export async function runInProcess(io: Io): Promise<ExitCode> {
  const faults = new Set<string>();
  const env: Env = { CCSP_INSTANCE: `${hostname()}-${process.pid}`, ...io.env };
  const definitions = await loadDefinitions(env);
  const parts: Part[] = [];
  const portsOf = (called: ServiceName) =>
    parts.filter(({ service }) => service.name === called).map(({ service }) => service.listen.port);
  for (const name of STOP_ORDER.toReversed()) {
    const definition = definitions[name];
    try {
      const { config, warnings } = load({ ...targetsFor(name, portsOf), ...env }, (reader) =>
        definition.define(reader),
      );
      const start = (context: ServiceContext) => startService(definition, config, context);
      parts.push({ service: config.service, warnings, start });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const fault of error.faults) faults.add(fault);
    }
  }
  if (faults.size > 0) {
    for (const fault of faults) note(io, fault);
    return EXIT.usage;
  }

  const [first] = parts;
  if (!first) throw new Error("there is no service to run");
  const loggerOf = ({ logLevel: level, instance }: ServiceSettings, name: string) =>
    createLogger({ name, level, instance });
  // What concerns all five, such as the stop of the process, is in the name of none of them.
  const log = loggerOf(first.service, "ccsp");
  logCrashes(log);
  const code = await runService(
    log,
    async (context) => {
      for (const part of parts) {
        const own = loggerOf(part.service, part.service.name);
        for (const warning of part.warnings) own.warn({ warning }, "suspicious setting");
        const { name, instance } = part.service;
        await inService({ name, instance }, () => part.start({ ...context, log: own }));
        own.info("ready");
      }
    },
    { closeMs: Math.max(...parts.map(({ service }) => closeMsFor(service))) },
  );
  await shutdownTracing();
  return code;
}
