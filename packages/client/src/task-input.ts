import { CATEGORY_NAMES, type CategoryName } from "@ccsp/errors";
import { ErrorCategory, PermissionMode, Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { InvalidTaskError } from "./errors.js";
import {
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
  text,
  texts,
  toMessage,
} from "./fields.js";

/** What to run. Everything but `prompt` has a default of the installation. */
export interface TaskInput {
  readonly prompt: string;
  readonly engine?: string;
  readonly priority?: PriorityName;
  readonly model?: string;
  /** Models to fall back to when `model` is overloaded, in this order. */
  readonly fallbackModels?: readonly string[];
  /** Added to the engine's own system prompt. */
  readonly systemPrompt?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly limits?: LimitsInput;
  /** Runs that may start before a retryable failure is final. */
  readonly maxAttempts?: number;
  readonly retry?: RetryInput;
  /** Not before this time. */
  readonly startTime?: Date;
  /** The task expires when its first run has not started by then. */
  readonly startDeadline?: Date;
  readonly affinity?: AffinityInput;
  /** Takes an answer from the result cache when there is one, and lets its own answer into it. */
  readonly cache?: CacheInput;
  /** `{}` begins a conversation, `{ id }` goes on with one. */
  readonly conversation?: ConversationInput;
  /** Files given with the prompt. */
  readonly attachments?: readonly AttachmentInput[];
  /** Files on the executor's host that the engine gets to read, under the roots that its operator allows. */
  readonly includeFiles?: readonly string[];
  /** Folder on the executor's host to work in, under an allowed root; a throwaway folder when absent. */
  readonly workingFolder?: string;
  /** Built-in tools that the engine has at all, by name; the engine's default when absent. */
  readonly availableTools?: readonly string[];
  /** Tools that it may use without asking, such as `Bash(git log:*)`; takes none away. */
  readonly allowedTools?: readonly string[];
  readonly deniedTools?: readonly string[];
  readonly permissionMode?: PermissionModeName;
}

export type PriorityName = "urgent" | "high" | "normal" | "low";

/**
 * What the engine may do without asking. The operator's policy says which of these an agent may have. `manual` is another name for `default`;
 * `acceptEdits` is `accept-edits`, as releases up to 0.2.0 spelt it, and will not be read by the next one.
 */
export type PermissionModeName = "plan" | "default" | "manual" | "accept-edits" | "acceptEdits" | "skip";

/** What a run may use at most. */
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

/** The executor that is to run it. */
export interface AffinityInput {
  readonly executorId: string;
  /** After which any executor may have it; absent: never. */
  readonly fallbackAfterMs?: number;
}

export interface CacheInput {
  /** Oldest answer that is good enough; absent: whatever the cache still has. */
  readonly maxAgeMs?: number;
}

export interface ConversationInput {
  /** `conversationId` of an earlier result. */
  readonly id?: string;
  /** Leaves that conversation as it is: the result names a new one. */
  readonly fork?: boolean;
}

export interface AttachmentInput {
  /** Without folders. */
  readonly name: string;
  readonly content: Uint8Array | string;
}

export const PRIORITIES: Readonly<Record<PriorityName, Priority>> = {
  urgent: Priority.URGENT,
  high: Priority.HIGH,
  normal: Priority.NORMAL,
  low: Priority.LOW,
};

const MODES: Readonly<Record<PermissionModeName, PermissionMode>> = {
  plan: PermissionMode.PLAN,
  default: PermissionMode.DEFAULT,
  manual: PermissionMode.DEFAULT,
  "accept-edits": PermissionMode.ACCEPT_EDITS,
  acceptEdits: PermissionMode.ACCEPT_EDITS,
  skip: PermissionMode.SKIP,
};
/** The words for permission modes, without the spelling of before. */
export const PERMISSION_MODES: readonly PermissionModeName[] = ["plan", "default", "manual", "accept-edits", "skip"];

const CATEGORIES = Object.fromEntries(CATEGORY_NAMES.map((name) => [name, ErrorCategory[name]]));

type Part<K extends keyof TaskSpec> = NonNullable<TaskSpec[K]>;

const LIMITS: Fields<LimitsInput, Part<"limits">> = {
  wallTimeMs: duration,
  outputBytes: int64,
  turns: int32,
  budgetUsd: number,
};

const RETRY: Fields<RetryInput, Part<"retry">> = {
  firstBackoffMs: duration,
  maxBackoffMs: duration,
  neverOn: listOf(oneOf(CATEGORIES)),
};

/** Each field of a task: its check, and what it is in the message. Its name in the API follows from its name here. */
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
 * Translates the input. Throws InvalidTaskError that names every field of a wrong type and every unknown field; what values are
 * acceptable is the server's matter.
 */
export function toSpec(input: TaskInput): TaskSpec {
  const faults = isRecord(input) ? faultsOf(input, TASK) : [noTask(input)];
  if (isRecord(input) && input.prompt === undefined) {
    faults.unshift({ field: "spec.prompt", description: "prompt is missing" });
  }
  if (faults.length > 0) {
    const message = `invalid task: ${faults.map(({ field, description }) => `${field}: ${description}`).join("; ")}`;
    throw new InvalidTaskError("INVALID_FIELD", message, { fields: faults });
  }
  return TaskSpec.fromPartial(toMessage(input, TASK));
}

const noTask = (input: unknown) => ({ field: "spec", description: `the task is not an object but ${kindOf(input)}` });
