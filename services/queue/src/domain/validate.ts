import { type FieldViolation, invalidFields, Refusal } from "@ccsp/errors";
import { CLASSES, type PriorityClass } from "./task.js";

/** What a task's fields may be. Everything else is fixed by the contract (task.proto). */
export interface SpecLimits {
  readonly maxPromptBytes: number;
  /** The default first. */
  readonly engines: readonly string[];
}

/** The parts of a spec that are checked; the contract's own message has this shape. */
export interface SpecInput {
  readonly prompt: string;
  readonly engine: string;
  /** 0 is the default, then the classes in order from 1. */
  readonly priority: number;
  readonly model: string;
  readonly systemPrompt: string;
  readonly limits: LimitsInput | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly maxAttempts: number;
}

export interface LimitsInput {
  readonly wallTime: { readonly seconds: bigint; readonly nanos: number } | undefined;
  readonly outputBytes: bigint;
  readonly turns: number;
  readonly budgetUsd: number;
}

export interface EnqueueInput {
  readonly agentId: string;
  readonly requestId: string;
  readonly spec: SpecInput | undefined;
}

/** What a valid request means once its defaults are filled in. */
export interface Accepted<S> {
  readonly spec: S;
  readonly engine: string;
  readonly class: PriorityClass;
  readonly maxAttempts: number;
}

const DEFAULT_ATTEMPTS = 3;
const MAX_ATTEMPTS = 10;
const MAX_SYSTEM_PROMPT_BYTES = 64 * 1024;
const MAX_WALL_SECONDS = 24n * 60n * 60n;
const MAX_OUTPUT_BYTES = 64n * 1024n * 1024n;
const MAX_LABELS = 32;

/** Throws INVALID_FIELD that names every wrong field, or ENGINE_UNKNOWN when that is all. */
export function acceptTask<S extends SpecInput>(
  input: EnqueueInput & { readonly spec: S | undefined },
  limits: SpecLimits,
): Accepted<S> {
  const faults = new Faults();
  faults.unless(isAgentId(input.agentId), "agent_id", "must be 1 to 128 of A-Z a-z 0-9 . _ @ -");
  faults.unless(/^[\x20-\x7e]{0,128}$/.test(input.requestId), "request_id", "must be at most 128 printable ASCII");
  const { spec } = input;
  if (spec === undefined) {
    faults.add("spec", "is missing");
    throw faults.refusal();
  }
  checkSpec(spec, limits, faults);
  if (faults.found) throw faults.refusal();

  const engine = spec.engine || (limits.engines[0] ?? "");
  if (!limits.engines.includes(engine)) {
    throw new Refusal("ENGINE_UNKNOWN", `spec.engine: this installation has no engine ${JSON.stringify(engine)}`, {
      metadata: { engine, engines: limits.engines.join(",") },
      fields: [{ field: "spec.engine", description: `is none of ${limits.engines.join(", ")}` }],
    });
  }
  return {
    spec,
    engine,
    class: CLASSES[spec.priority - 1] ?? "normal",
    maxAttempts: spec.maxAttempts || DEFAULT_ATTEMPTS,
  };
}

function checkSpec(spec: SpecInput, { maxPromptBytes }: SpecLimits, faults: Faults): void {
  const promptBytes = Buffer.byteLength(spec.prompt);
  faults.unless(promptBytes > 0, "spec.prompt", "is empty");
  faults.unless(promptBytes <= maxPromptBytes, "spec.prompt", `has ${promptBytes} bytes, at most ${maxPromptBytes}`);
  faults.unless(spec.engine.length <= 63, "spec.engine", "is longer than 63 characters");
  faults.unless(isIntegerIn(spec.priority, 0, CLASSES.length), "spec.priority", "is not a known priority");
  faults.unless(Array.from(spec.model).length <= 128, "spec.model", "is longer than 128 characters");
  const systemBytes = Buffer.byteLength(spec.systemPrompt);
  faults.unless(
    systemBytes <= MAX_SYSTEM_PROMPT_BYTES,
    "spec.system_prompt",
    `has ${systemBytes} bytes, at most ${MAX_SYSTEM_PROMPT_BYTES}`,
  );
  faults.unless(isIntegerIn(spec.maxAttempts, 0, MAX_ATTEMPTS), "spec.max_attempts", `must be 0 to ${MAX_ATTEMPTS}`);
  checkLabels(spec.labels, faults);
  if (spec.limits) checkLimits(spec.limits, faults);
}

function checkLabels(labels: Readonly<Record<string, string>>, faults: Faults): void {
  const entries = Object.entries(labels);
  faults.unless(entries.length <= MAX_LABELS, "spec.labels", `has ${entries.length} labels, at most ${MAX_LABELS}`);
  for (const [key, value] of entries) {
    // A wrong key is not repeated in full: it can be of any length.
    const field = `spec.labels[${key.slice(0, 63)}]`;
    faults.unless(/^[a-z0-9._/-]{1,63}$/.test(key), field, "the key must be 1 to 63 of a-z 0-9 . _ / -");
    faults.unless(Buffer.byteLength(value) <= 256, field, "the value is longer than 256 bytes");
  }
}

function checkLimits(limits: LimitsInput, faults: Faults): void {
  if (limits.wallTime) {
    const { seconds, nanos } = limits.wallTime;
    const negative = seconds < 0n || nanos < 0;
    const over = seconds > MAX_WALL_SECONDS || (seconds === MAX_WALL_SECONDS && nanos > 0);
    faults.unless(!negative && !over, "spec.limits.wall_time", "must be 0 to 24 h");
  }
  const { outputBytes } = limits;
  faults.unless(
    outputBytes >= 0n && outputBytes <= MAX_OUTPUT_BYTES,
    "spec.limits.output_bytes",
    "must be 0 to 64 MiB",
  );
  faults.unless(limits.turns >= 0, "spec.limits.turns", "is negative");
  faults.unless(
    Number.isFinite(limits.budgetUsd) && limits.budgetUsd >= 0,
    "spec.limits.budget_usd",
    "must be a number that is not negative",
  );
}

const isIntegerIn = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

export const isAgentId = (id: string): boolean => /^[A-Za-z0-9._@-]{1,128}$/.test(id);

/** Also of boot ids. */
export const isExecutorId = (id: string): boolean => /^[A-Za-z0-9._-]{1,128}$/.test(id);

/** Collects what is wrong, so that a caller hears all of it at once. */
export class Faults {
  readonly #violations: FieldViolation[] = [];

  get found(): boolean {
    return this.#violations.length > 0;
  }

  add(field: string, description: string): void {
    this.#violations.push({ field, description });
  }

  unless(good: boolean, field: string, description: string): void {
    if (!good) this.add(field, description);
  }

  refusal(): Refusal {
    return invalidFields(this.#violations);
  }

  /** Throws INVALID_FIELD when anything was found. */
  check(): void {
    if (this.found) throw this.refusal();
  }
}
