import type { Emergency } from "../emergency/emergency.js";
import type { Gate } from "../gates/gates.js";
import type { StartConditions } from "../task/alarm.js";
import type { Task } from "../task/task.js";
import type { Place } from "../task/task-store.js";
import type { FullBound } from "./bounds.js";

/** Stores new tasks. Every change is atomic and idempotent: a repeated call stores nothing more. */
export interface IntakeStore {
  enqueue(task: NewTask): Promise<EnqueueOutcome>;
  /** Stores each task on its own, as if it were alone. The answers have the order of the tasks. Never rejects. */
  enqueueAll(tasks: readonly NewTask[]): Promise<readonly PromiseSettledResult<EnqueueOutcome>[]>;
  /** Whether a task of this agent has this request id. */
  knows(agent: string, requestId: string): Promise<boolean>;
}

/** The members of the record of a new task, and the data that is stored apart from the record. */
export interface NewTask
  extends Place,
    Pick<
      Task,
      "agent" | "class" | "max" | "spec" | "trace" | "parent" | "follows" | "labels" | "model" | "retry" | "cacheKey"
    > {
  readonly prompts: Uint8Array;
  /** Absent when the call has no request id, so a repeat of it is not recognised. */
  readonly request?: {
    readonly id: string;
    readonly hash: string;
    /** The hash of another payload with the same meaning, when there is one. */
    readonly otherHash?: (() => string) | undefined;
  };
  /** The task does not start before this time (ms since 1970). */
  readonly start?: number;
  readonly conditions?: StartConditions;
}

export type EnqueueOutcome =
  | { readonly outcome: "added"; readonly task: Task }
  | { readonly outcome: "known" | "conflict"; readonly id: string }
  | { readonly outcome: "full"; readonly bound: FullBound }
  | { readonly outcome: "stopped"; readonly stop: Emergency }
  /** A budget that is used up refuses it: the scope of the gate and the gate, at the time `nowMs`. */
  | { readonly outcome: "budget"; readonly scope: string; readonly gate: Gate; readonly nowMs: number };
