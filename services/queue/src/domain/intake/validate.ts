import { Refusal } from "@ccsp/errors";
import { Faults } from "../fields/faults.js";
import { isAgentId } from "../fields/ids.js";
import type { StartConditions } from "../task/alarm.js";
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

const DEFAULT_ATTEMPTS = 3;

/**
 * Returns the spec of a valid request, with its defaults filled in. Throws INVALID_FIELD that names every wrong field,
 * or ENGINE_UNKNOWN when only the engine is wrong.
 */
export function acceptSpec<S extends SpecInput>(
  input: EnqueueInput & { readonly spec: S | undefined },
  limits: SpecLimits,
): S {
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
      fields: [{ field: "spec.engine", description: `must be one of ${limits.engines.join(", ")}` }],
    });
  }
  return { ...spec, engine, maxAttempts: spec.maxAttempts || DEFAULT_ATTEMPTS };
}

/** Undefined: it may start at any time and on any executor. */
export function conditionsOf({ startDeadline, affinity }: SpecInput): StartConditions | undefined {
  if (!startDeadline && !affinity) return undefined;
  const { executorId, fallbackAfter } = affinity ?? {};
  return {
    ...(startDeadline && { deadline: startDeadline.getTime() }),
    ...(executorId !== undefined && { pin: executorId }),
    ...(fallbackAfter && { pinMs: Number(fallbackAfter.seconds) * 1000 + Math.round(fallbackAfter.nanos / 1e6) }),
  };
}
