import { hostname, tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { formatDuration, type ServiceSettings, type Settings, serviceSettings } from "@ccsp/config";
import { STANDARD_PATH, searchPath } from "@ccsp/engine-kit";
import { type BrokerMode, defineBroker } from "./broker/config.js";
import { isInside, isUnder, type Policy } from "./domain/policy.js";
import { defineEngines, type EngineConfig } from "./engines/config.js";
import type { EngineRegistry } from "./engines/registry.js";
import { defineHooks, type HookConfig } from "./hooks/config.js";
import type { HookRegistry } from "./hooks/registry.js";
import { definePolicy } from "./policy-settings.js";
import { defineSandbox, type SandboxConfig } from "./sandbox/config.js";
import { defineSlots, type SlotsConfig } from "./slots/config.js";
import { defineWarm, type WarmConfig } from "./warm/config.js";

export interface ExecutorConfig {
  readonly service: ServiceSettings;
  readonly queueTarget: string;
  readonly executorId: string;
  /** Only this executor may use it. */
  readonly dir: string;
  readonly drainMs: number;
  readonly supervision: {
    readonly silenceMs: number;
    readonly stallMs: number;
    readonly graceMs: number;
    /** For each run; 0: no limit. */
    readonly memoryBytes: number;
    readonly processes: number;
    /** Undefined: no cgroup. The supervisor watches the processes of each run instead. */
    readonly cgroup: string | undefined;
    /** PATH of engines. */
    readonly path: string;
  };
  readonly sandbox: SandboxConfig;
  readonly broker: BrokerMode;
  readonly warm: WarmConfig;
  /** Undefined: the number of slots stays as it is set. */
  readonly slots: SlotsConfig | undefined;
  readonly policy: Policy;
  /** A file with more roots than those of the policy. It is read before each task. */
  readonly rootsFile: string | undefined;
  /** Limits on copies of conversations on this disk. */
  readonly conversations: { readonly bytes: number; readonly keptMs: number };
  /** PATH that is searched for executables of the host. */
  readonly searchPath: string;
  readonly engines: readonly EngineConfig[];
  readonly hooks: readonly HookConfig[];
}

/** The plugins that were loaded for this configuration. */
export interface Plugins {
  readonly engines: EngineRegistry;
  readonly hooks: HookRegistry;
}

const LONGEST_MS = 24 * 60 * 60 * 1_000;

/** Declares every setting of the executor and of the engines and hooks that it knows. */
export function defineExecutor(settings: Settings, plugins: Plugins): ExecutorConfig {
  const service = serviceSettings(settings, { name: "executor", grpcPort: 3002, opsPort: 9002 });
  const executorId = settings.text("CCSP_EXECUTOR_ID", "name of this executor: unique, and the same after a restart", {
    default: hostname()
      .replaceAll(/[^\w.-]/g, "-")
      .slice(0, 128),
    defaultIs: "the host name",
    pattern: /^[A-Za-z0-9._-]{1,128}$/,
    form: "at most 128 letters, digits and ._-",
  });
  const config = {
    service,
    queueTarget: settings.text("CCSP_QUEUE_TARGET", "gRPC target of the queue", { default: "consul:///queue" }),
    executorId,
    // Made absolute because engines get paths in it and work in other folders.
    dir: resolve(
      settings.text("CCSP_EXECUTOR_DIR", "folder for the temporary folders of runs; no other executor may use it", {
        default: join(tmpdir(), `ccsp-executor-${executorId}`),
        defaultIs: "`ccsp-executor-ID` in the temporary folder",
      }),
    ),
    drainMs: settings.durationMs(
      "CCSP_EXECUTOR_DRAIN",
      "how long runs may continue when the executor stops; unset: 0.6 of CCSP_DRAIN_TIMEOUT",
      { default: formatDuration(Math.floor(service.drainMs * 0.6)) },
    ),
    supervision: defineSupervision(settings),
    sandbox: defineSandbox(settings),
    broker: defineBroker(settings),
    warm: defineWarm(settings),
    slots: defineSlots(settings),
    policy: definePolicy(settings),
    rootsFile: settings.optionalText(
      "CCSP_EXECUTOR_ALLOWED_ROOTS_FILE",
      "absolute path of a file with more allowed roots, one on a line; read before each task, so a change needs no restart",
      { pattern: /^\//, form: "an absolute path" },
    ),
    conversations: {
      bytes: settings.integer(
        "CCSP_EXECUTOR_CONVERSATION_BYTES",
        "most bytes of conversations kept on this disk; 0: none are kept here, and the queue has copies",
        { default: 256 * 1024 * 1024 },
      ),
      keptMs: settings.durationMs(
        "CCSP_EXECUTOR_CONVERSATION_TTL",
        "how long a conversation is kept on this disk after its last turn",
        {
          default: "7d",
          min: 60_000,
          max: 365 * LONGEST_MS,
        },
      ),
    },
    searchPath: searchPath(settings),
    engines: defineEngines(settings, plugins.engines),
    hooks: defineHooks(settings, plugins.hooks),
  };
  const { rootsFile } = config;
  const { roots } = config.policy;
  if (roots.some((root) => isUnder(config.dir, root))) {
    settings.fault(
      "CCSP_EXECUTOR_ALLOWED_ROOTS must not contain CCSP_EXECUTOR_DIR: tasks would read each other's files",
    );
  }
  for (const [name, paths] of [
    ["CCSP_EXECUTOR_ALLOWED_ROOTS", roots],
    ["CCSP_EXECUTOR_SANDBOX_WRITE", config.sandbox.writes],
  ] as const) {
    if (rootsFile === undefined || !paths.some((path) => isUnder(rootsFile, path))) continue;
    settings.fault(`${name} must not contain CCSP_EXECUTOR_ALLOWED_ROOTS_FILE: tasks would allow themselves more`);
  }
  refuseLinks(settings, config);
  const { graceMs } = config.supervision;
  if (config.drainMs + graceMs > service.drainMs) {
    settings.warn(
      "CCSP_EXECUTOR_DRAIN and CCSP_EXECUTOR_KILL_GRACE together exceed CCSP_DRAIN_TIMEOUT: leases may expire instead of being given back",
    );
  }
  return config;
}

/** These paths are looked up by their names. A name in a folder that runs can write may be a link by then. */
function refuseLinks(settings: Settings, { dir, policy, sandbox: { reads, writes } }: ExecutorConfig): void {
  if (writes.some((path) => isUnder(dir, path))) {
    settings.warn("CCSP_EXECUTOR_SANDBOX_WRITE contains CCSP_EXECUTOR_DIR: runs can change the files of other runs");
  }
  const writable = [...policy.roots, ...writes];
  for (const [name, paths, places] of [
    ["CCSP_EXECUTOR_ALLOWED_ROOTS", policy.roots, writes],
    ["CCSP_EXECUTOR_SANDBOX_READ", reads, writable],
    ["CCSP_EXECUTOR_SANDBOX_WRITE", writes, writable],
  ] as const) {
    for (const path of paths) {
      const around = places.find((place) => isInside(path, place));
      if (around === undefined) continue;
      settings.fault(
        `${name} must not name ${path} in ${around}, where runs may write: a run could put a link there, and later runs would get what it leads to`,
      );
    }
  }
}

function defineSupervision(settings: Settings): ExecutorConfig["supervision"] {
  const node = dirname(process.execPath);
  return {
    silenceMs: settings.durationMs(
      "CCSP_EXECUTOR_SILENCE_TIMEOUT",
      "time without any output after which an engine counts as hung",
      {
        default: "10m",
        min: 100,
        max: LONGEST_MS,
      },
    ),
    stallMs: settings.durationMs(
      "CCSP_EXECUTOR_STALL_TIMEOUT",
      "time without new text or tool use after which an engine counts as hung, even if it prints other output",
      { default: "15m", min: 100, max: LONGEST_MS },
    ),
    memoryBytes: settings.integer(
      "CCSP_EXECUTOR_MEMORY_LIMIT",
      "most bytes of memory of a run's processes; 0: no limit",
      {
        default: 2 * 1024 ** 3,
        min: 0,
      },
    ),
    processes: settings.integer("CCSP_EXECUTOR_PROCESS_LIMIT", "most processes of a run; 0: no limit", {
      default: 256,
      min: 0,
    }),
    cgroup: settings.optionalText(
      "CCSP_EXECUTOR_CGROUP",
      "delegated cgroup v2 folder without processes, in which each run gets its own; unset: the executor watches the runs instead",
      { pattern: /^\//, form: "an absolute path" },
    ),
    graceMs: settings.durationMs("CCSP_EXECUTOR_KILL_GRACE", "time between SIGTERM and SIGKILL to an engine", {
      default: "3s",
    }),
    path: settings.text("CCSP_EXECUTOR_PATH", "PATH of engines and their tools", {
      // The folder of this Node, wherever it is: engines that are Node scripts need it.
      default: [...new Set([...STANDARD_PATH, node])].join(delimiter),
      defaultIs: `${STANDARD_PATH.join(delimiter)}, and the folder of Node`,
    }),
  };
}
