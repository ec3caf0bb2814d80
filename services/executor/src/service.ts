import { announce, registerSchemes } from "@ccsp/discovery";
import { findExecutable } from "@ccsp/engine-kit";
import { createClient, implement, serveGrpc } from "@ccsp/grpc-kit";
import type { ServiceDefinition } from "@ccsp/lifecycle";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { createMetrics, serveOps } from "@ccsp/telemetry";
import { ulid } from "ulid";
import { defineExecutor, type ExecutorConfig } from "./config.js";
import { systemClock } from "./domain/clock.js";
import { createExecutor } from "./domain/executor.js";
import { openClaudeCode } from "./engines/claude-code/open.js";
import { executorHandlers } from "./grpc/handlers.js";
import { createQueuePort } from "./queue/queue-client.js";
import { openExecutorFolder } from "./supervision/executor-folder.js";
import { createSupervisor } from "./supervision/supervisor.js";
import { createAttemptTracing } from "./telemetry/attempt-spans.js";
import { createExecutorMetrics } from "./telemetry/metrics.js";

/** For the answers to Release when stopping. */
const GIVE_BACK_MARGIN_MS = 2_000;

/** The executor: engine processes on this host. */
export const executorService: ServiceDefinition<ExecutorConfig> = {
  name: "executor",
  summary: "ExecutorService: runs engine CLIs on this host",
  define: defineExecutor,

  async start(config, { open, log, stopping }) {
    const { service, executorId, slots, supervision } = config;
    const { consulUrl, drainMs, lameDuckMs } = service;
    const { wallMs, outputBytes, silenceMs, graceMs, path } = supervision;
    const bootId = ulid();
    const registry = createMetrics("executor");
    const metrics = createExecutorMetrics(registry);

    // Ends what an earlier boot left, before any work is claimed.
    const folder = await open("folder", openExecutorFolder({ path: config.dir, executorId, bootId, log }));
    const setpriv = await findExecutable("setpriv", config.claudeCode.searchPath);
    const supervisor = createSupervisor({
      executorId,
      bootId,
      folder: folder.runs,
      path,
      silenceMs,
      graceMs,
      setpriv,
      log,
    });
    const onUnknownLine = () => metrics.unknownLine("claude-code");
    const claudeCode = await openClaudeCode(config.claudeCode, { supervisor, log, slots, onUnknownLine });

    await open("discovery", registerSchemes({ consulUrl, log }));
    const client = createClient(QueueServiceService, config.queueTarget);
    await open("queue client", { close: async () => client.close() });

    const executor = createExecutor({
      executorId,
      bootId,
      engines: [claudeCode],
      queue: createQueuePort(client, log),
      tracing: createAttemptTracing(executorId),
      metrics,
      clock: systemClock,
      log,
      defaults: { wallMs, outputBytes },
      drainMs: config.drainMs,
      giveBackMs: graceMs + GIVE_BACK_MARGIN_MS,
    });

    const checks = { queue: () => executor.checkSync() };
    const ops = await open("ops", serveOps({ listen: service.opsListen, registry, log, checks }));
    stopping.addEventListener("abort", () => ops.setDraining(), { once: true });
    const services = [implement(ExecutorServiceService, executorHandlers(executor))];
    const server = await open(
      "grpc",
      serveGrpc({ listen: service.listen, services, log, registry, drainMs, lameDuckMs }),
    );
    const id = `executor-${service.instance}`;
    const { port } = server;
    await open("consul", announce({ consulUrl, name: "executor", id, host: service.advertiseHost, port, log }));
    // Last, so that it closes first: no new work, and everything else still answers while runs end.
    await open("runs", executor.start());
  },
};
