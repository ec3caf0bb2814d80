import { hostname } from "node:os";
import { ConfigError, type Env, load, type ServiceSettings } from "@ccsp/config";
import { loadExecutorService } from "@ccsp/executor";
import { gatewayService } from "@ccsp/gateway";
import { runService, type ServiceContext, type ServiceDefinition, startService } from "@ccsp/lifecycle";
import { monitorService } from "@ccsp/monitor";
import { notificationService } from "@ccsp/notification";
import { queueService } from "@ccsp/queue";
import { createLogger, shutdownTracing } from "@ccsp/telemetry";
import { EXIT, type ExitCode } from "../exit.js";
import { type Io, note } from "../io.js";

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
  const prepare = <C extends { readonly service: ServiceSettings }>(
    definition: ServiceDefinition<C>,
    env: Env,
  ): Part[] => {
    try {
      const { config, warnings } = load(env, (settings) => definition.define(settings));
      return [{ service: config.service, warnings, start: (context) => startService(definition, config, context) }];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const fault of error.faults) faults.add(fault);
      return [];
    }
  };

  const env: Env = { CCSP_INSTANCE: `${hostname()}-${process.pid}`, ...io.env };
  const queue = prepare(queueService, env);
  const port = queue[0]?.service.listen.port ?? 0;
  const inside: Env = { CCSP_QUEUE_TARGET: `static:///127.0.0.1:${port}`, ...env };
  const parts = [
    ...queue,
    ...prepare(notificationService, inside),
    ...prepare(monitorService, inside),
    ...prepare(await loadExecutorService(inside), inside),
    ...prepare(gatewayService, inside),
  ];
  if (faults.size > 0) {
    for (const fault of faults) note(io, fault);
    return EXIT.usage;
  }

  const loggers = parts.map(({ service: { name, logLevel: level, instance } }) =>
    createLogger({ name, level, instance }),
  );
  const [log] = loggers;
  if (!log) throw new Error("there is no service to run");
  const code = await runService(
    log,
    async (context) => {
      for (const [index, part] of parts.entries()) {
        const own = loggers[index] ?? log;
        for (const warning of part.warnings) own.warn({ warning }, "suspicious setting");
        await part.start({ ...context, log: own });
        own.info("ready");
      }
    },
    { closeMs: Math.max(...parts.map(({ service }) => service.drainMs + service.lameDuckMs)) + CLOSE_MARGIN_MS },
  );
  await shutdownTracing();
  return code;
}

/** Added to the longest drain, as each service does when it runs alone. */
const CLOSE_MARGIN_MS = 5_000;
