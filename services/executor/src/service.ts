import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Env, load } from "@ccsp/config";
import { findExecutable } from "@ccsp/engine-kit";
import { implement } from "@ccsp/grpc-kit";
import { type ServiceDefinition, type StartContext, startList } from "@ccsp/lifecycle";
import { ExecutorServiceService } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { watchClockAhead } from "@ccsp/telemetry";
import { within } from "@ccsp/timing";
import { ulid } from "ulid";
import type { Broker } from "./broker/broker.js";
import { openBroker } from "./broker/open.js";
import { defineExecutor, type ExecutorConfig, type Plugins } from "./config.js";
import { openConversationFolder } from "./conversations/conversation-folder.js";
import { createAdmission } from "./domain/admission.js";
import { systemClock, timerOf } from "./domain/clock.js";
import { createConversations } from "./domain/conversations.js";
import { Executor } from "./domain/executor.js";
import { Hooks } from "./domain/hooks/hooks.js";
import { LiveWindows } from "./domain/live-windows.js";
import { policedParts } from "./domain/policy.js";
import { createToldPolicy } from "./domain/told-policy.js";
import { enginePlugins } from "./engines/config.js";
import { openEngines } from "./engines/open.js";
import { loadEngines } from "./engines/registry.js";
import { hostFiles } from "./files/host-files.js";
import { readRootsFile } from "./files/roots-file.js";
import { executorHandlers } from "./grpc/handlers.js";
import { executorReport } from "./grpc/messages.js";
import { hookPlugins } from "./hooks/config.js";
import { openHooks } from "./hooks/open.js";
import { loadHooks } from "./hooks/registry.js";
import { openEndFolder } from "./queue/end-folder.js";
import { createQueuePort } from "./queue/queue-client.js";
import { openSandbox } from "./sandbox/open.js";
import type { SandboxStatus } from "./sandbox/sandbox.js";
import { createSlotAdaptation } from "./slots/adapt-slots.js";
import { createHostLoad } from "./slots/host-load.js";
import { openCgroups } from "./supervision/cgroup.js";
import { openExecutorFolder } from "./supervision/executor-folder.js";
import { createSupervisor, type Launcher } from "./supervision/supervisor.js";
import { createAttemptTracing } from "./telemetry/attempt-spans.js";
import { createExecutorMetrics } from "./telemetry/metrics.js";
import { createModelRequests } from "./telemetry/model-requests.js";
import { createWarmMetrics } from "./telemetry/warm-metrics.js";
import { WarmPool } from "./warm/pool.js";

/** ADR 23 says why. Both services must leave out the same calls, or one of them makes spans without a parent. */
const UNTRACED = { untraced: ["sync", "report", "complete", "fail", "release"] } as const;

/** The longest wait for the queue at the start. A startup probe in k8s/ allows 120 s for all of the start. */
const KNOWN_MS = 60_000;

/** Bytes on disk of ends that the queue has not answered. */
const MOST_END_BYTES = 64 * 1024 * 1024;

/** Time for the answers to Release when the executor stops. */
const GIVE_BACK_MARGIN_MS = 2_000;

/**
 * The executor with its built-in engines and with the engines and hooks that the environment names. These plugins are
 * loaded here because they have settings of their own. Never rejects: a plugin that could not be loaded is a fault of
 * the configuration.
 */
export async function loadExecutorService(env: Env): Promise<ServiceDefinition<ExecutorConfig>> {
  const { config } = load(env, (settings) => ({ engines: enginePlugins(settings), hooks: hookPlugins(settings) }));
  return executorService({ engines: await loadEngines(config.engines), hooks: await loadHooks(config.hooks) });
}

const START = startList<ExecutorConfig>()
  .add("opened", (given) => openExecutor({ ...given, bootId: ulid() }))
  .add("report", ({ config, heartbeat, opened: { executor } }) =>
    heartbeat.add(() => ({ executor: executorReport(executor.status()), folder: config.dir })),
  )
  .add("ops", ({ opened: { executor }, serveOps }) => serveOps({ queue: () => executor.checkSync() }))
  .add("grpc", ({ opened, stopping, serveGrpc }) =>
    serveGrpc([implement(ExecutorServiceService, executorHandlers({ ...opened, stopping }))]),
  )
  // Opened last, so it closes first. It then takes no new work, and everything else still answers while runs end.
  .open("runs", ({ opened: { executor }, grpc: { address } }) => executor.start(address))
  // Only then `ccsp status` shows it. A queue that is away for longer does not keep it from being ready.
  .add("known", ({ opened: { executor }, stopping }) =>
    within(KNOWN_MS, executor.known, () => undefined, { timer: timerOf(systemClock, stopping) }),
  );

/** Runs engine processes on this host. */
const executorService = (plugins: Plugins): ServiceDefinition<ExecutorConfig> => ({
  name: "executor",
  summary: "ExecutorService: runs engine CLIs on this host",
  define: (settings) => defineExecutor(settings, plugins),

  start: START.start,
});

/** One start of the executor. */
interface Boot extends StartContext {
  readonly config: ExecutorConfig;
  readonly bootId: string;
}

/** Opens the executor with all that its runs need. It takes no work yet. */
async function openExecutor(
  boot: Boot,
): Promise<{ readonly executor: Executor; readonly hooks: Hooks; readonly sandbox: SandboxStatus }> {
  const { config, bootId, registry, open, log } = boot;
  const { executorId, supervision } = config;
  const { graceMs } = supervision;
  const metrics = createExecutorMetrics(registry);

  const windows = new LiveWindows();
  const { launcher, broker, sandbox, noWorkingFolders } = await openSupervisor(boot, windows);
  const warm = new WarmPool({
    ...config.warm,
    startsAtOnce: availableParallelism(),
    launcher,
    metrics: createWarmMetrics(registry),
    clock: systemClock,
    log,
  });
  const opened = await open("hooks", openHooks(config.hooks, log));
  const hooks = new Hooks(opened.hooks, { clock: systemClock, metrics, log });
  const engines = await openEngines(config.engines, {
    supervisor: (engine) => warm.of(engine),
    metrics,
    policed: policedParts(config.policy),
    broker: { mode: config.broker, there: broker !== undefined },
    log,
  });
  const queue = createQueuePort(await boot.openClient(QueueServiceService, config.queueTarget, UNTRACED), log);
  const kept = await openConversationFolder({
    path: join(config.dir, "conversations"),
    ...config.conversations,
    log,
  });
  await open("conversations", kept);
  const ends = await openEndFolder({
    path: join(config.dir, "ends"),
    mostBytes: MOST_END_BYTES,
    tell: (end, signal) => queue.tell(end, signal),
    log,
  });
  await open("ends", ends);

  const moreRoots = readRootsFile({
    path: config.rootsFile,
    dir: config.dir,
    mounted: [...config.sandbox.reads, ...config.sandbox.writes],
    writable: config.sandbox.writes,
    warn: (detail) => log.warn(detail, "line of the file of allowed roots is not used"),
  });
  const admission = { policy: config.policy, files: hostFiles, moreRoots, noWorkingFolders };
  const executor = new Executor({
    executorId,
    bootId,
    engines,
    warm,
    windows,
    queue,
    kept: ends,
    metrics,
    log,
    hooks,
    graceMs,
    onClockAhead: watchClockAhead(registry, { service: "executor", of: "the queue's", log }),
    tracing: createAttemptTracing(executorId),
    clock: systemClock,
    admit: createAdmission(admission),
    tells: createToldPolicy({ ...admission, rootsMayChange: config.rootsFile !== undefined }),
    conversations: createConversations({ executorId, queue, kept, log }),
    drainMs: config.drainMs,
    giveBackMs: graceMs + GIVE_BACK_MARGIN_MS,
    adaptsSlots: config.slots !== undefined,
    onFirstText: (engine, ms) => adaptation?.firstText(engine, ms),
  });
  const adaptation =
    config.slots &&
    createSlotAdaptation({
      config: config.slots,
      executor,
      host: createHostLoad({ nowMs: () => performance.now() }),
      serviceBytes: () => process.memoryUsage.rss(),
      clock: systemClock,
      log,
    });
  if (adaptation) await open("slot adaptation", adaptation.start());
  return { executor, hooks, sandbox };
}

/** Ends the processes that an earlier boot left, before the executor claims work. */
async function openSupervisor(
  { config, bootId, registry, open, log }: Boot,
  windows: LiveWindows,
): Promise<{
  readonly launcher: Launcher;
  readonly broker: Broker | undefined;
  readonly sandbox: SandboxStatus;
  readonly noWorkingFolders: string | undefined;
}> {
  const { executorId, supervision } = config;
  const { silenceMs, stallMs, graceMs, memoryBytes, processes, path } = supervision;
  const folder = await open("folder", openExecutorFolder({ path: config.dir, executorId, bootId, log }));
  const setpriv = findExecutable("setpriv", config.searchPath);
  const cgroups = supervision.cgroup
    ? await openCgroups({ path: supervision.cgroup, executorId, bootId, log })
    : undefined;
  const { sandbox, status, noWorkingFolders } = await openSandbox({
    config: config.sandbox,
    searchPath: config.searchPath,
    path,
    folder: join(folder.runs, "sandbox"),
    temporary: folder.temporary,
    log,
  });
  const broker = openBroker({
    mode: config.broker,
    sandbox,
    status,
    observer: createModelRequests(registry),
    onWindows: (engine, said) => windows.note(engine, said),
    log,
  });
  const launcher = await open(
    "supervisor",
    createSupervisor({
      executorId,
      bootId,
      folder: folder.runs,
      temporary: folder.temporary,
      path,
      silenceMs,
      stallMs,
      graceMs,
      limits: { memoryBytes, processes },
      cgroups,
      setpriv,
      sandbox,
      broker,
      log,
    }),
  );
  return { launcher, broker, sandbox: status, noWorkingFolders };
}
