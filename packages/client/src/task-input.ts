import { CATEGORY_NAMES, type CategoryName } from "@ccsp/errors";
import { ErrorCategory, PermissionMode, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { wordsOf } from "@ccsp/protos/words.js";
import {
  above0,
  bytes,
  date,
  duration,
  type Fields,
  faultsOf,
  flag,
  int32,
  int64,
  isRecord,
  kindOf,
  listOf,
  number,
  oneOf,
  part,
  refuse,
  text,
  texts,
  toMessage,
} from "./fields.js";
import { PERMISSION_MODES, type PermissionModeName, PRIORITIES, type PriorityName } from "./words.js";

/** The task to run. The installation has a default for every field except `prompt`. */
export interface TaskInput {
  readonly prompt: string;
  readonly engine?: string;
  readonly priority?: PriorityName;
  readonly model?: string;
  /** Models to use when `model` is overloaded, in this order. */
  readonly fallbackModels?: readonly string[];
  /** Text that is added to the engine's own system prompt. */
  readonly systemPrompt?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly limits?: LimitsInput;
  /** Number of runs that may start before a retryable failure is final. */
  readonly maxAttempts?: number;
  readonly retry?: RetryInput;
  /** The task does not start before this time. */
  readonly startTime?: Date;
  /** The task expires when its first run has not started by this time. */
  readonly startDeadline?: Date;
  readonly affinity?: AffinityInput;
  /** Takes an answer from the result cache when there is one, and stores its own answer there. */
  readonly cache?: CacheInput;
  /** `{}` begins a conversation, and `{ id }` continues one. */
  readonly conversation?: ConversationInput;
  /** Files that the engine gets with the prompt. */
  readonly attachments?: readonly AttachmentInput[];
  /** Files on the executor's host that the engine may read. They must be under the roots that the operator allows. */
  readonly includeFiles?: readonly string[];
  /**
   * Folder on the executor's host in which the engine works. It must be under an allowed root. Absent means a temporary
   * folder.
   */
  readonly workingFolder?: string;
  /** Names of the built-in tools that the engine has. Absent means the engine's default. */
  readonly availableTools?: readonly string[];
  /** Tools that the engine may use without asking, such as `Bash(git log:*)`. This takes no other tool away. */
  readonly allowedTools?: readonly string[];
  readonly deniedTools?: readonly string[];
  readonly permissionMode?: PermissionModeName;
}

/** Bounds on what a run may use. 0 is refused: leave a field out for the default of the installation. */
export interface LimitsInput {
  readonly wallTimeMs?: number;
  readonly outputBytes?: number;
  readonly turns?: number;
  readonly budgetUsd?: number;
}

/** How failed runs are tried again. */
export interface RetryInput {
  /** Doubles with each failed run, up to `maxBackoffMs`. */
  readonly firstBackoffMs?: number;
  readonly maxBackoffMs?: number;
  readonly neverOn?: readonly CategoryName[];
}

/** The executor that should run the task. */
export interface AffinityInput {
  readonly executorId: string;
  /** Time after which any executor may run the task. Absent: only the named executor ever runs it. */
  readonly fallbackAfterMs?: number;
}

export interface CacheInput {
  /** Greatest allowed age of the cached answer. Absent means any answer that the cache still has. */
  readonly maxAgeMs?: number;
}

export interface ConversationInput {
  /** `conversationId` of an earlier result. */
  readonly id?: string;
  /** Leaves that conversation unchanged: the result names a new one. */
  readonly fork?: boolean;
}

export interface AttachmentInput {
  /** File name without folders. */
  readonly name: string;
  readonly content: Uint8Array | string;
}

const MODES: Readonly<Record<PermissionModeName, PermissionMode>> = {
  ...wordsOf(PermissionMode),
  manual: PermissionMode.DEFAULT,
  acceptEdits: PermissionMode.ACCEPT_EDITS,
};

const CATEGORIES = Object.fromEntries(CATEGORY_NAMES.map((name) => [name, ErrorCategory[name]]));

type Part<K extends keyof TaskSpec> = NonNullable<TaskSpec[K]>;

const LIMITS: Fields<LimitsInput, Part<"limits">> = {
  wallTimeMs: above0(duration),
  outputBytes: above0(int64),
  turns: above0(int32),
  budgetUsd: above0(number),
};

const RETRY: Fields<RetryInput, Part<"retry">> = {
  firstBackoffMs: duration,
  maxBackoffMs: duration,
  neverOn: listOf(oneOf(CATEGORIES)),
};

/**
 * For each field of a task: how it is checked, and its form in the message. The name of the field in the API follows
 * from its name here.
 */
const TASK: Fields<TaskInput, TaskSpec> = {
  prompt: text,
  engine: text,
  priority: oneOf(PRIORITIES),
  model: text,
  fallbackModels: listOf(text),
  systemPrompt: text,
  labels: texts,
  limits: part(LIMITS),
  maxAttempts: int32,
  retry: part(RETRY),
  startTime: date,
  startDeadline: date,
  affinity: part<AffinityInput, Part<"affinity">>({ executorId: text, fallbackAfterMs: duration }),
  cache: part<CacheInput, Part<"cache">>({ maxAgeMs: duration }),
  conversation: part<ConversationInput, Part<"conversation">>({ id: text, fork: flag }),
  attachments: listOf(part<AttachmentInput, TaskSpec["attachments"][number]>({ name: text, content: bytes })),
  includeFiles: listOf(text),
  workingFolder: text,
  availableTools: listOf(text),
  allowedTools: listOf(text),
  deniedTools: listOf(text),
  permissionMode: oneOf(MODES, PERMISSION_MODES),
};

/**
 * Translates the input into a message. Throws an InvalidTaskError that names every field of a wrong type and every
 * unknown field. The server checks whether the values are acceptable.
 */
export function toSpec(input: TaskInput): TaskSpec {
  const faults = isRecord(input)
    ? faultsOf(input, TASK).map((fault) => ({ ...fault, field: `spec.${fault.field}` }))
    : [noTask(input)];
  if (isRecord(input) && input.prompt === undefined) {
    faults.unshift({ field: "spec.prompt", description: "prompt is missing" });
  }
  refuse("task", faults);
  return TaskSpec.fromPartial(toMessage(input, TASK));
}

const noTask = (input: unknown) => ({ field: "spec", description: `the task is not an object but ${kindOf(input)}` });
