import type { Slowed } from "./domain/controller.js";

/** A decision, as it is stored and shown. */
export interface MadeDecision {
  readonly what: "rate" | "weight" | "gate" | "concurrency";
  /** Undefined: the value of the settings. */
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  readonly reason: string;
  /** Ms since 1970. */
  readonly timeMs: number;
  readonly dryRun: boolean;
}

/** What is known of one subject. */
export interface Adapted {
  /** Absent: the subject is not slowed. */
  readonly slowed?: Slowed | undefined;
  /** The weight that is in force while subjects are slowed. Absent: that of the settings. */
  readonly weight?: number | undefined;
  /** The newest decisions, newest first. */
  readonly decisions: readonly MadeDecision[];
}

/** Decisions that are kept for each subject. */
const MOST_DECISIONS = 10;
/** Most subjects that are kept. Slot changes of executors beyond them are not told. */
export const MOST_SUBJECTS = 1_000;
/** How long a subject is shown after its last decision. */
export const SHOWN_MS = 24 * 60 * 60 * 1_000;

/** Reads a stored subject. Throws when it has another form. */
export function readAdapted(json: unknown): Adapted {
  if (typeof json !== "object" || json === null || !("decisions" in json) || !Array.isArray(json.decisions)) {
    throw new Error("a stored subject of adaptation has no decisions");
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only this slice writes them
  return json as Adapted;
}

export const withDecision = (adapted: Adapted | undefined, decision: MadeDecision): readonly MadeDecision[] =>
  [decision, ...(adapted?.decisions ?? [])].slice(0, MOST_DECISIONS);
