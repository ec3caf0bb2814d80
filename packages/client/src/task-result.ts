import {
  TaskResult as Message,
  type UsageSoFar as SoFarMessage,
  type Usage as UsageMessage,
} from "@ccsp/protos/ccsp/task/v1/task.js";
import { durationMs, toDuration } from "@ccsp/protos/duration.js";

/** Result of a task. */
export interface TaskResult {
  /** The engine's answer. */
  readonly text: string;
  /** Tokens of the run. Undefined: the engine did not report them. */
  readonly usage: Usage | undefined;
  /** Cost of the run in US dollars. Undefined: it is not known. */
  readonly costUsd: number | undefined;
  /**
   * Id of the conversation, for `conversation.id` of a later task. "" when the task was not part of a conversation, and
   * when no task can continue from it.
   */
  readonly conversationId: string;
  /** Name of the engine that ran the task. */
  readonly engine: string;
  /** Version of the engine, as the engine reports it. */
  readonly engineVersion: string;
  /** Model that answered. */
  readonly model: string;
  /** Number of model turns. */
  readonly turns: number;
  /** Time from the start of the engine to its end. */
  readonly runTimeMs: number | undefined;
  /** Time from acceptance to the start of the attempt that succeeded. It includes parking and earlier attempts. */
  readonly queueWaitMs: number | undefined;
  /** Id of the executor that ran the task. */
  readonly executorId: string;
  /**
   * The result comes from the result cache, and no engine ran. `usage` and `costUsd` are those of the run that made
   * the result.
   */
  readonly cached: boolean;
  /** Resources that the processes of the run used on their host. */
  readonly resources: RunResources | undefined;
  /** Uses of tools that the engine refused, because no person is there to give permission. The first 100. */
  readonly permissionDenials: readonly PermissionDenial[];
  /**
   * What CCSP does not have of the run, because of a fault or because the result came after the end of its lease: one
   * text for people for each. Empty: everything was kept.
   */
  readonly notKept: readonly string[];
}

/** Tokens that an engine used. */
export interface Usage {
  /** Number of prompt tokens that were not read from a cache. */
  readonly inputTokens: number;
  /** Number of tokens that the model wrote. */
  readonly outputTokens: number;
  /** Number of prompt tokens that were read from the provider's cache. */
  readonly cacheReadTokens: number;
  /** Number of prompt tokens that were written to the provider's cache. */
  readonly cacheCreationTokens: number;
}

/** What an attempt has used so far, in totals. */
export interface UsageSoFar {
  /** Number of model turns that are complete. */
  readonly turns: number;
  /** Number of uses of tools. */
  readonly toolUses: number;
  readonly usage: Usage | undefined;
  /** In US dollars. Undefined: it is not known. Without the executor's broker, some engines tell it only with their result. */
  readonly costUsd: number | undefined;
  /** "" when it is not known. */
  readonly model: string;
}

/** Resources that all processes of a run used together. */
export interface RunResources {
  /** CPU time, user and system. Undefined: it is not known. */
  readonly cpuTimeMs: number | undefined;
  /** Greatest amount of memory at one time, in bytes. Undefined: it is not known. */
  readonly peakMemoryBytes: number | undefined;
}

/** One refused use of a tool. */
export interface PermissionDenial {
  /** The tool, by the name that the engine uses. */
  readonly tool: string;
  /** The first 1,024 characters of the tool's input, as JSON. */
  readonly input: string;
}

export function toTaskResult({ usage, runTime, queueWait, resources, ...plain }: Message): TaskResult {
  return {
    ...plain,
    usage: usage && toUsage(usage),
    runTimeMs: runTime && durationMs(runTime),
    queueWaitMs: queueWait && durationMs(queueWait),
    resources: resources && {
      cpuTimeMs: resources.cpuTime && durationMs(resources.cpuTime),
      peakMemoryBytes: Number(resources.peakMemoryBytes) || undefined,
    },
  };
}

const toUsage = ({ inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens }: UsageMessage): Usage => ({
  inputTokens: Number(inputTokens),
  outputTokens: Number(outputTokens),
  cacheReadTokens: Number(cacheReadTokens),
  cacheCreationTokens: Number(cacheCreationTokens),
});

export const toUsageSoFar = ({ usage, ...plain }: SoFarMessage): UsageSoFar => ({
  ...plain,
  usage: usage && toUsage(usage),
});

/** Fields of a result. */
export interface ResultPart extends Partial<Omit<TaskResult, "usage" | "resources">> {
  readonly usage?: Partial<Usage> | undefined;
  readonly resources?: Partial<RunResources> | undefined;
}

/** The message of a result. What is left out is empty, or not known. */
export function fromTaskResult(result: ResultPart): Message {
  const { usage, runTimeMs, queueWaitMs, resources, permissionDenials = [], notKept = [], ...plain } = result;
  return Message.fromPartial({
    ...plain,
    permissionDenials: [...permissionDenials],
    notKept: [...notKept],
    usage: usage && {
      inputTokens: BigInt(usage.inputTokens ?? 0),
      outputTokens: BigInt(usage.outputTokens ?? 0),
      cacheReadTokens: BigInt(usage.cacheReadTokens ?? 0),
      cacheCreationTokens: BigInt(usage.cacheCreationTokens ?? 0),
    },
    runTime: durationOf(runTimeMs),
    queueWait: durationOf(queueWaitMs),
    resources: resources && {
      cpuTime: durationOf(resources.cpuTimeMs),
      peakMemoryBytes: BigInt(resources.peakMemoryBytes ?? 0),
    },
  });
}

const durationOf = (ms: number | undefined) => (ms === undefined ? undefined : toDuration(ms));
