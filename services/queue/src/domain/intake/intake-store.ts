import type { Emergency } from "../emergency/emergency.js";
import type { StartConditions } from "../task/alarm.js";
import type { Task } from "../task/task.js";
import type { Place } from "../task/task-store.js";
import type { FullBound } from "./bounds.js";

/** Stores new tasks. Every change is atomic; it may be asked for twice and then happens once. */
export interface IntakeStore {
  enqueue(task: NewTask): Promise<EnqueueOutcome>;
  /** Each for itself, as if it had been alone; answers in their order. Never rejects. */
  enqueueAll(tasks: readonly NewTask[]): Promise<readonly PromiseSettledResult<EnqueueOutcome>[]>;
}

/** The members of its record, and what is stored apart from that. */
export interface NewTask
  extends Place,
    Pick<Task, "agent" | "class" | "max" | "spec" | "trace" | "labels" | "retry" | "cacheKey"> {
  readonly prompts: Uint8Array;
  /** Absent when the call cannot be repeated. */
  readonly request?: {
    readonly id: string;
    readonly hash: string;
    /** Of the payload which means the same, where there is one. */
    readonly otherHash?: (() => string) | undefined;
  };
  /** Not before this time (ms since 1970). */
  readonly start?: number;
  readonly conditions?: StartConditions;
}

export type EnqueueOutcome =
  | { readonly outcome: "added"; readonly task: Task }
  | { readonly outcome: "known" | "conflict"; readonly id: string }
  | { readonly outcome: "full"; readonly bound: FullBound }
  | { readonly outcome: "stopped"; readonly stop: Emergency };
