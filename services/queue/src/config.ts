import {
  callerUnreadBytes,
  queueShards,
  type RedisSettings,
  redisSettings,
  type ServiceSettings,
  type Settings,
  serviceSettings,
} from "@ccsp/config";
import { type CacheConfig, defineCache } from "./cache/config.js";
import { type ConversationConfig, defineConversations } from "./conversations/config.js";
import { ENGINE_NAME } from "./domain/fields/ids.js";
import type { Bounds } from "./domain/intake/bounds.js";
import type { Strain } from "./domain/intake/breaker.js";
import type { Order } from "./domain/order/order.js";
import type { RefusalBudget } from "./domain/task/decide.js";
import type { PriorityClass } from "./domain/task/task.js";
import { defineLimits } from "./limits/config.js";
import type { LimitRanges } from "./limits/limit.js";
import { defineOrder } from "./order-settings.js";

export interface QueueConfig {
  readonly service: ServiceSettings;
  readonly redis: RedisSettings;
  readonly shards: number;
  /** Which copies must have a task before its acceptance or end is answered: Redis alone, or `replicas` as well. */
  readonly durability: "local" | "replicated";
  /** How many replicas of Redis must have a change when `durability` is `replicated`. */
  readonly replicas: number;
  /** The first is the default. */
  readonly engines: readonly string[];
  readonly maxPromptBytes: number;
  readonly bounds: Bounds;
  readonly overload: Strain;
  readonly order: Order;
  /** The operator's range of the limits that are set while the queue runs. */
  readonly limitRanges: LimitRanges;
  readonly gateRampMs: number;
  readonly leaseMs: number;
  readonly retryBaseMs: number;
  readonly refusals: RefusalBudget;
  readonly retentionMs: number;
  readonly maxEnded: number;
  readonly maxEndedBytes: number;
  readonly cache: CacheConfig;
  readonly conversations: ConversationConfig;
  readonly callerUnreadBytes: number;
  /** Keys of labels that spans may have. */
  readonly traceLabels: readonly string[];
}

export function defineQueue(settings: Settings): QueueConfig {
  const config = {
    service: serviceSettings(settings, { name: "queue", grpcPort: 3001, opsPort: 9001 }),
    redis: redisSettings(settings),
    shards: queueShards(settings),
    ...defineDurability(settings),
    engines: settings.list("CCSP_ENGINES", "engines of this installation, the default first", {
      default: ["claude-code"],
      pattern: ENGINE_NAME,
      form: "names of lower-case letters, digits and -, with commas between them",
    }),
    maxPromptBytes: settings.integer("CCSP_MAX_PROMPT_BYTES", "most bytes of a prompt", {
      default: 1024 * 1024,
      min: 1,
      max: 4 * 1024 * 1024,
    }),
    bounds: defineBounds(settings),
    overload: defineOverload(settings),
    order: defineOrder(settings),
    limitRanges: defineLimits(settings),
    gateRampMs: settings.durationMs(
      "CCSP_QUEUE_GATE_RAMP",
      "time over which starts grow to full speed after a gate opens",
      {
        default: "60s",
        min: 0,
        max: 3_600_000,
      },
    ),
    leaseMs: settings.durationMs(
      "CCSP_QUEUE_LEASE",
      "time without a Sync after which an executor's tasks are taken back",
      {
        default: "30s",
        min: 1_000,
        max: 3_600_000,
      },
    ),
    ...defineRetries(settings),
    ...defineRetention(settings),
    cache: defineCache(settings),
    conversations: defineConversations(settings),
    callerUnreadBytes: callerUnreadBytes(settings),
    traceLabels: settings.list("CCSP_QUEUE_TRACE_LABELS", "keys of the labels of tasks that their spans show", {
      default: [],
      pattern: LABEL_KEY,
      form: "keys with commas between them, of at most 63 letters, digits and ._/-",
    }),
  };
  if (config.engines.length === 0) settings.fault("CCSP_ENGINES names no engine");
  if (config.leaseMs < 10_000) {
    settings.warn("CCSP_QUEUE_LEASE is below 10s: a pause of an executor or of Redis then looks like its death");
  }
  return config;
}

function defineDurability(settings: Settings): Pick<QueueConfig, "durability" | "replicas"> {
  return {
    durability: settings.oneOf(
      "CCSP_QUEUE_DURABILITY",
      "where accepted tasks, ended tasks and schedules must be stored before the queue confirms them: `local`: in Redis; `replicated`: also in CCSP_QUEUE_REPLICAS replicas",
      ["local", "replicated"],
      { default: "local" },
    ),
    replicas: settings.integer(
      "CCSP_QUEUE_REPLICAS",
      "how many replicas of Redis must have a change with `replicated`; set it to the number of all replicas, since a failover may promote any",
      { default: 1, min: 1, max: 16 },
    ),
  };
}

function defineOverload(settings: Settings): Strain {
  return {
    loopDelayMs: settings.durationMs(
      "CCSP_QUEUE_OVERLOAD_LOOP_DELAY",
      "average delay of the event loop above which tasks are refused",
      {
        default: "500ms",
        min: 0,
      },
    ),
    oldestCallMs: settings.durationMs(
      "CCSP_QUEUE_OVERLOAD_CALL",
      "age of the oldest submission without an answer above which more are refused",
      {
        default: "2s",
        min: 0,
      },
    ),
    callsUnderWay: settings.integer(
      "CCSP_QUEUE_OVERLOAD_CALLS",
      "submissions without an answer above which more are refused; 0: any number",
      {
        default: 20_000,
        min: 0,
      },
    ),
  };
}

function defineRetries(settings: Settings): Pick<QueueConfig, "retryBaseMs" | "refusals"> {
  return {
    retryBaseMs: settings.durationMs(
      "CCSP_QUEUE_RETRY_BASE",
      "wait after the first failure; doubles with each, up to a minute",
      {
        default: "1s",
        min: 1,
        max: 60_000,
      },
    ),
    refusals: {
      runs: settings.integer(
        "CCSP_QUEUE_REFUSALS",
        "most runs of a task that may end in a rate limit, an overload or a refused login; the next such failure is final",
        { default: 50, min: 1 },
      ),
      waitMs: settings.durationMs(
        "CCSP_QUEUE_REFUSALS_WAIT",
        "most time in total that a task waits after such runs; then the next such failure is final",
        { default: "6h", min: 1_000 },
      ),
    },
  };
}

function defineRetention(settings: Settings): Pick<QueueConfig, "retentionMs" | "maxEnded" | "maxEndedBytes"> {
  return {
    retentionMs: settings.durationMs("CCSP_QUEUE_RETENTION", "how long ended tasks are kept", {
      default: "24h",
      min: 1_000,
    }),
    maxEnded: settings.integer("CCSP_QUEUE_MAX_ENDED", "most ended tasks kept; above it the oldest are removed", {
      default: 100_000,
    }),
    maxEndedBytes: settings.integer(
      "CCSP_QUEUE_MAX_ENDED_BYTES",
      "most bytes of ended tasks kept: specs, logs and results",
      {
        default: 1024 ** 3,
      },
    ),
  };
}

/** Bounds on waiting tasks. QUEUED, PARKED and SCHEDULED tasks count as waiting. */
function defineBounds(settings: Settings): Bounds {
  const anyNumber = { default: 0, min: 0 };
  const classTasks = settings.list("CCSP_QUEUE_CLASS_MAX_WAITING", "most waiting tasks of a class, as class=tasks", {
    default: [],
    pattern: CLASS_BOUND,
    form: "class=tasks, with commas between several",
  });
  const classBytes = settings.list(
    "CCSP_QUEUE_CLASS_MAX_WAITING_BYTES",
    "most bytes of waiting tasks of a class, as class=bytes",
    {
      default: [],
      pattern: CLASS_BOUND,
      form: "class=bytes, with commas between several",
    },
  );
  const boundOf = (bounds: readonly string[], priority: PriorityClass): number =>
    Number(bounds.findLast((each) => each.startsWith(`${priority}=`))?.split("=")[1] ?? 0);
  const classBound = (priority: PriorityClass) => ({
    tasks: boundOf(classTasks, priority),
    bytes: boundOf(classBytes, priority),
  });
  return {
    all: {
      tasks: settings.integer("CCSP_QUEUE_MAX_WAITING", "most tasks that wait, parked and scheduled ones included", {
        default: 100_000,
        min: 1,
      }),
      bytes: settings.integer("CCSP_QUEUE_MAX_WAITING_BYTES", "most bytes of tasks that wait; 0: any number", {
        default: 1024 ** 3,
        min: 0,
      }),
    },
    class: {
      urgent: classBound("urgent"),
      high: classBound("high"),
      normal: classBound("normal"),
      low: classBound("low"),
    },
    agent: {
      tasks: settings.integer(
        "CCSP_QUEUE_AGENT_MAX_WAITING",
        "most waiting tasks of an agent; 0: any number",
        anyNumber,
      ),
      bytes: settings.integer(
        "CCSP_QUEUE_AGENT_MAX_WAITING_BYTES",
        "most bytes of waiting tasks of an agent; 0: any number",
        anyNumber,
      ),
    },
  };
}

const LABEL_KEY = /^[A-Za-z0-9._/-]{1,63}$/;
const CLASS_BOUND = /^(urgent|high|normal|low)=[1-9][0-9]{0,14}$/;
