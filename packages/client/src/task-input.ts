import type { FieldViolation } from "@ccsp/errors";
import { Priority, TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import { InvalidTaskError } from "./errors.js";

/** What to run. Everything but `prompt` has a default of the installation. */
export interface TaskInput {
  readonly prompt: string;
  readonly engine?: string;
  readonly priority?: PriorityName;
  readonly model?: string;
  /** Added to the engine's own system prompt. */
  readonly systemPrompt?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly limits?: LimitsInput;
  /** Runs that may start before a retryable failure is final. */
  readonly maxAttempts?: number;
}

export type PriorityName = "urgent" | "high" | "normal" | "low";

/** What a run may use at most. */
export interface LimitsInput {
  readonly wallTimeMs?: number;
  readonly outputBytes?: number;
  readonly turns?: number;
  readonly budgetUsd?: number;
}

const PRIORITIES: Readonly<Record<PriorityName, Priority>> = {
  urgent: Priority.URGENT,
  high: Priority.HIGH,
  normal: Priority.NORMAL,
  low: Priority.LOW,
};

type Check = (value: unknown) => string | undefined;

const text: Check = (value) => (typeof value === "string" ? undefined : `is not a string but ${kindOf(value)}`);
const number: Check = (value) => (Number.isFinite(value) ? undefined : `is not a number but ${kindOf(value)}`);
const integer: Check = (value) =>
  Number.isSafeInteger(value) ? undefined : (number(value) ?? "is not a whole number");
// The wire type is 32 bits wide: a larger number would arrive as another one.
const int32: Check = (value) =>
  integer(value) ?? (Math.abs(Number(value)) < 2 ** 31 ? undefined : "is larger than any limit");
const priority: Check = (value) =>
  typeof value === "string" && Object.hasOwn(PRIORITIES, value)
    ? undefined
    : `is not one of ${Object.keys(PRIORITIES).join(", ")}`;
const record: Check = (value) => (isRecord(value) ? undefined : `is not an object but ${kindOf(value)}`);
const texts: Check = (value) => {
  if (!isRecord(value)) return record(value);
  const bad = Object.entries(value).find(([, item]) => typeof item !== "string");
  return bad && `has a value under ${JSON.stringify(bad[0])} that is not a string but ${kindOf(bad[1])}`;
};

/** Each input field: its name in the API, and its check. */
const FIELDS: Readonly<Record<keyof TaskInput, readonly [string, Check]>> = {
  prompt: ["spec.prompt", text],
  engine: ["spec.engine", text],
  priority: ["spec.priority", priority],
  model: ["spec.model", text],
  systemPrompt: ["spec.system_prompt", text],
  labels: ["spec.labels", texts],
  limits: ["spec.limits", record],
  maxAttempts: ["spec.max_attempts", int32],
};

const LIMITS: Readonly<Record<keyof LimitsInput, readonly [string, Check]>> = {
  wallTimeMs: ["spec.limits.wall_time", integer],
  outputBytes: ["spec.limits.output_bytes", integer],
  turns: ["spec.limits.turns", int32],
  budgetUsd: ["spec.limits.budget_usd", number],
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
  const { priority: name, labels, limits, ...plain } = input;
  return TaskSpec.fromPartial({
    ...plain,
    ...(labels && { labels: { ...labels } }),
    ...(name && { priority: PRIORITIES[name] }),
    ...(limits && { limits: limitsOf(limits) }),
  });
}

function limitsOf({ wallTimeMs, outputBytes, turns, budgetUsd }: LimitsInput) {
  return {
    ...(wallTimeMs !== undefined && {
      // Truncation gives both parts the number's sign, as google.protobuf.Duration wants it: the server refuses negatives.
      wallTime: { seconds: BigInt(Math.trunc(wallTimeMs / 1000)), nanos: (wallTimeMs % 1000) * 1_000_000 },
    }),
    ...(outputBytes !== undefined && { outputBytes: BigInt(outputBytes) }),
    ...(turns !== undefined && { turns }),
    ...(budgetUsd !== undefined && { budgetUsd }),
  };
}

function faultsOf(input: TaskInput): FieldViolation[] {
  const missing = input.prompt === undefined ? [{ field: "spec.prompt", description: "prompt is missing" }] : [];
  const faults = [...missing, ...check(input, FIELDS)];
  const limits = isRecord(input.limits) ? check(input.limits, LIMITS, "limits.") : [];
  return [...faults, ...limits];
}

function check(
  input: object,
  known: Readonly<Record<string, readonly [string, Check]>>,
  prefix = "",
): FieldViolation[] {
  return Object.entries(input).flatMap(([key, value]) => {
    const row = Object.hasOwn(known, key) ? known[key] : undefined;
    if (!row) return [{ field: `spec.${prefix}${key}`, description: `${prefix}${key} is not a field of a task` }];
    const fault = value === undefined ? undefined : row[1](value);
    return fault === undefined ? [] : [{ field: row[0], description: `${prefix}${key} ${fault}` }];
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
