import { Refusal } from "@ccsp/errors";
import { Faults } from "../fields/faults.js";
import { isAgentId } from "../fields/ids.js";
import type { StartConditions } from "../task/alarm.js";
import { CLASSES } from "../task/task.js";
import type { NewTask } from "./intake-store.js";
import { checkSpec, type SpecInput } from "./validate-spec.js";

export type { SpecInput } from "./validate-spec.js";

/** The limits on a task's fields that the installation sets. The contract (task.proto) fixes all other limits. */
export interface SpecLimits {
  readonly maxPromptBytes: number;
  /** The first engine is the default. */
  readonly engines: readonly string[];
}

export interface EnqueueInput {
  readonly agentId: string;
  readonly requestId: string;
  readonly spec: SpecInput | undefined;
}

/** A valid request. */
export interface Accepted<S> {
  /** The spec with its defaults filled in. */
  readonly spec: S;
  readonly task: Pick<NewTask, "agent" | "engine" | "class" | "max" | "start" | "conditions">;
}

const DEFAULT_ATTEMPTS = 3;

/**
 * Checks a request. Throws INVALID_FIELD that names every wrong field, or ENGINE_UNKNOWN when only the engine is wrong.
 */
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
  checkSpec(spec, { maxPromptBytes: limits.maxPromptBytes, nowMs: Date.now() }, faults);
  if (faults.found) throw faults.refusal();

  const engine = spec.engine || (limits.engines[0] ?? "");
  if (!limits.engines.includes(engine)) {
    throw new Refusal("ENGINE_UNKNOWN", `spec.engine: this installation has no engine ${JSON.stringify(engine)}`, {
      metadata: { engine, engines: limits.engines.join(",") },
      fields: [{ field: "spec.engine", description: `is none of ${limits.engines.join(", ")}` }],
    });
  }
  const max = spec.maxAttempts || DEFAULT_ATTEMPTS;
  const task: Writable<Accepted<S>["task"]> = {
    agent: input.agentId,
    engine,
    class: CLASSES[spec.priority - 1] ?? "normal",
    max,
  };
  const conditions = conditionsOf(spec);
  if (spec.startTime) task.start = spec.startTime.getTime();
  if (conditions) task.conditions = conditions;
  return { spec: { ...spec, engine, maxAttempts: max }, task };
}

type Writable<T> = { -readonly [F in keyof T]: T[F] };

function conditionsOf({ startDeadline, affinity }: SpecInput): StartConditions | undefined {
  if (!startDeadline && !affinity) return undefined;
  const { executorId, fallbackAfter } = affinity ?? {};
  return {
    ...(startDeadline && { deadline: startDeadline.getTime() }),
    ...(executorId !== undefined && { pin: executorId }),
    ...(fallbackAfter && { pinMs: Number(fallbackAfter.seconds) * 1000 + Math.round(fallbackAfter.nanos / 1e6) }),
  };
}
