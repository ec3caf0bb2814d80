import { askHealth } from "./health.js";
import type { Part } from "./plan.js";

/** How far a part is. */
export interface PartState {
  /** What it says of itself. Undefined: it does not answer. */
  readonly state?: string | undefined;
  /** Why it cannot do its work yet. Undefined: it can. */
  readonly why: string | undefined;
  /** How many steps of its start are done. More is further. */
  readonly steps: number;
}

/** On a busy machine an answer takes longer than the 2 s that the service's own checks may take. */
const ANSWER_MS = 10_000;
/** More than a service has dependencies. */
const READY_STEPS = 100;

/** Asks a part how far its start is. */
export async function partState(part: Part): Promise<PartState> {
  try {
    const { state, failing } = await askHealth(part.ports.ops, ANSWER_MS);
    const missing = Object.entries(failing).map(([dependency, why]) => `${dependency} (${why})`);
    if (state !== "ready") return { state, steps: 1, why: [`it is ${state}`, ...reaching(missing)].join(" and ") };
    const why = missing.length === 0 ? undefined : reaching(missing).join();
    return { state, why, steps: READY_STEPS - missing.length };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { why: `it does not answer yet (${cause instanceof Error ? cause.message : String(cause)})`, steps: 0 };
  }
}

const reaching = (missing: readonly string[]): readonly string[] =>
  missing.length === 0 ? [] : [`it waits for ${missing.join(", ")}`];
