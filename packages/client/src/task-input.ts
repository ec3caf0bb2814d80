import { CATEGORY_NAMES, type CategoryName, type FieldViolation } from "@ccsp/errors";
import { ErrorCategory, PermissionMode, Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import {
  type Check,
  check,
  date,
  type Fields,
  flag,
  int32,
  integer,
  isRecord,
  listOf,
  number,
  oneOf,
  record,
  text,
  texts,
} from "./checks.js";
import { InvalidTaskError } from "./errors.js";

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

/** What the engine may do without asking; the operator's policy says which of these an agent may have. `manual` is another name for `default`. */
export type PermissionModeName = "plan" | "default" | "manual" | "acceptEdits" | "skip";

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
  acceptEdits: PermissionMode.ACCEPT_EDITS,
  skip: PermissionMode.SKIP,
};

const content: Check = (value) => (value instanceof Uint8Array ? undefined : text(value));

const FIELDS: Fields<TaskInput> = {
  prompt: ["spec.prompt", text],
  engine: ["spec.engine", text],
  priority: ["spec.priority", oneOf(Object.keys(PRIORITIES))],
  model: ["spec.model", text],
  fallbackModels: ["spec.fallback_models", listOf(text)],
  systemPrompt: ["spec.system_prompt", text],
  labels: ["spec.labels", texts],
  limits: ["spec.limits", record],
  maxAttempts: ["spec.max_attempts", int32],
  retry: ["spec.retry", record],
  startTime: ["spec.start_time", date],
  startDeadline: ["spec.start_deadline", date],
  affinity: ["spec.affinity", record],
  cache: ["spec.cache", record],
  conversation: ["spec.conversation", record],
  attachments: ["spec.attachments", listOf(record)],
  includeFiles: ["spec.include_files", listOf(text)],
  workingFolder: ["spec.working_folder", text],
  availableTools: ["spec.available_tools", listOf(text)],
  allowedTools: ["spec.allowed_tools", listOf(text)],
  deniedTools: ["spec.denied_tools", listOf(text)],
  permissionMode: ["spec.permission_mode", oneOf(Object.keys(MODES))],
};

const LIMITS: Fields<LimitsInput> = {
  wallTimeMs: ["spec.limits.wall_time", integer],
  outputBytes: ["spec.limits.output_bytes", integer],
  turns: ["spec.limits.turns", int32],
  budgetUsd: ["spec.limits.budget_usd", number],
};

const RETRY: Fields<RetryInput> = {
  firstBackoffMs: ["spec.retry.first_backoff", integer],
  maxBackoffMs: ["spec.retry.max_backoff", integer],
  neverOn: ["spec.retry.never_on", listOf(oneOf(CATEGORY_NAMES))],
};

const AFFINITY: Fields<AffinityInput> = {
  executorId: ["spec.affinity.executor_id", text],
  fallbackAfterMs: ["spec.affinity.fallback_after", integer],
};

const CACHE: Fields<CacheInput> = { maxAgeMs: ["spec.cache.max_age", integer] };

const CONVERSATION: Fields<ConversationInput> = {
  id: ["spec.conversation.id", text],
  fork: ["spec.conversation.fork", flag],
};

const ATTACHMENT: Fields<AttachmentInput> = {
  name: ["spec.attachments.name", text],
  content: ["spec.attachments.content", content],
};

/**
 * Translates the input. Throws InvalidTaskError that names every field of a wrong type and every unknown field; what values are
 * acceptable is the server's matter.
 */
export function toSpec(input: TaskInput): TaskSpec {
  const wrong = record(input);
  const faults = wrong === undefined ? faultsOf(input) : [{ field: "spec", description: `the task ${wrong}` }];
  if (faults.length > 0) {
    const message = `invalid task: ${faults.map(({ field, description }) => `${field}: ${description}`).join("; ")}`;
    throw new InvalidTaskError("INVALID_FIELD", message, { fields: faults });
  }
  const { priority, limits, retry, affinity, cache, conversation, attachments, permissionMode, ...plain } = input;
  const { labels, fallbackModels = [], includeFiles = [], ...lists } = plain;
  const { availableTools = [], allowedTools = [], deniedTools = [], ...same } = lists;
  return TaskSpec.fromPartial({
    ...same,
    fallbackModels: [...fallbackModels],
    includeFiles: [...includeFiles],
    availableTools: [...availableTools],
    allowedTools: [...allowedTools],
    deniedTools: [...deniedTools],
    ...(labels && { labels: { ...labels } }),
    ...(priority && { priority: PRIORITIES[priority] }),
    ...(permissionMode && { permissionMode: MODES[permissionMode] }),
    ...(limits && { limits: limitsOf(limits) }),
    ...(retry && { retry: retryOf(retry) }),
    ...(affinity && {
      affinity: { executorId: affinity.executorId, fallbackAfter: durationOf(affinity.fallbackAfterMs) },
    }),
    ...(cache && { cache: { maxAge: durationOf(cache.maxAgeMs) } }),
    ...(conversation && { conversation: { id: conversation.id ?? "", fork: conversation.fork ?? false } }),
    attachments: (attachments ?? []).map((each) => ({ name: each.name, content: Buffer.from(each.content) })),
  });
}

function limitsOf({ wallTimeMs, outputBytes, turns, budgetUsd }: LimitsInput) {
  return {
    ...(wallTimeMs !== undefined && { wallTime: durationOf(wallTimeMs) }),
    ...(outputBytes !== undefined && { outputBytes: BigInt(outputBytes) }),
    ...(turns !== undefined && { turns }),
    ...(budgetUsd !== undefined && { budgetUsd }),
  };
}

function retryOf({ firstBackoffMs, maxBackoffMs, neverOn = [] }: RetryInput) {
  return {
    firstBackoff: durationOf(firstBackoffMs),
    maxBackoff: durationOf(maxBackoffMs),
    neverOn: neverOn.map((name) => ErrorCategory[name]),
  };
}

function durationOf(ms: number | undefined) {
  if (ms === undefined) return undefined;
  // Truncation gives both parts the number's sign, as google.protobuf.Duration wants it: the server refuses negatives.
  return { seconds: BigInt(Math.trunc(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

function faultsOf(input: TaskInput): FieldViolation[] {
  const missing = input.prompt === undefined ? [{ field: "spec.prompt", description: "prompt is missing" }] : [];
  const within = (value: unknown, fields: Parameters<typeof check>[1], prefix: string) =>
    isRecord(value) ? check(value, fields, prefix) : [];
  const attachments: readonly unknown[] = Array.isArray(input.attachments) ? input.attachments : [];
  return [
    ...missing,
    ...check(input, FIELDS),
    ...within(input.limits, LIMITS, "limits."),
    ...within(input.retry, RETRY, "retry."),
    ...within(input.affinity, AFFINITY, "affinity."),
    ...within(input.cache, CACHE, "cache."),
    ...within(input.conversation, CONVERSATION, "conversation."),
    ...attachments.flatMap((each, i) => within(each, ATTACHMENT, `attachments[${i}].`)),
  ];
}
